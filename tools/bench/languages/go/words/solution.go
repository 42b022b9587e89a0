package solution

import (
	"strings"
)

// Reverse returns a text backwards.
func Reverse(text string) string {
	runes := []rune(text)
	for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
		runes[i], runes[j] = runes[j], runes[i]
	}
	return string(runes)
}

// Initials joins the first letters of words, in capitals.
func Initials(text string) string {
	result := ""
	for _, word := range strings.Fields(text) {
		result += strings.ToUpper(word[:1])
	}
	return result
}

// Extension returns what is behind the last dot.
func Extension(name string) string {
	at := strings.LastIndex(name, ".")
	if at < 0 || at == len(name)-1 {
		return ""
	}
	return name[at+1:]
}

// Longest returns the first of the longest words.
func Longest(text string) string {
	best := ""
	for _, word := range strings.Fields(text) {
		if len(word) > len(best) {
			best = word
		}
	}
	return best
}
