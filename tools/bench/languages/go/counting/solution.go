package solution

import (
	"sort"
	"strings"
)

// Count returns how often each word occurs.
func Count(text string) map[string]int {
	counts := map[string]int{}
	for _, word := range strings.Fields(strings.ToLower(text)) {
		counts[word]++
	}
	return counts
}

// Most returns the most frequent word; of equal ones the first in the alphabet.
func Most(text string) string {
	counts := Count(text)
	names := []string{}
	for name := range counts {
		names = append(names, name)
	}
	sort.Strings(names)
	best, most := "", 0
	for _, name := range names {
		if counts[name] > most {
			best, most = name, counts[name]
		}
	}
	return best
}

// Vowels counts vowels.
func Vowels(text string) int {
	total := 0
	for _, letter := range text {
		if strings.ContainsRune("aeiou", letter) {
			total++
		}
	}
	return total
}
