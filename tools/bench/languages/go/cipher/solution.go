package solution

import (
	"strings"
	"unicode"
)

// Caesar moves letters along the alphabet.
func Caesar(text string, by int) string {
	result := []rune{}
	for _, letter := range text {
		switch {
		case letter >= 'a' && letter <= 'z':
			letter = 'a' + (letter-'a'+rune(by)+26)%26
		case letter >= 'A' && letter <= 'Z':
			letter = 'A' + (letter-'A'+rune(by)+26)%26
		}
		result = append(result, letter)
	}
	return string(result)
}

// IsPangram tells whether all letters occur.
func IsPangram(text string) bool {
	seen := map[rune]bool{}
	for _, letter := range strings.ToLower(text) {
		if unicode.IsLetter(letter) {
			seen[letter] = true
		}
	}
	return len(seen) == 26
}

// IsAnagram tells whether two words have the same letters.
func IsAnagram(a, b string) bool {
	counts := map[rune]int{}
	for _, letter := range a {
		counts[letter]++
	}
	for _, letter := range b {
		counts[letter]--
		if counts[letter] < 0 {
			return false
		}
	}
	return len(a) == len(b)
}
