package solution

import (
	"strconv"
)

// Digits adds up the digits of a number.
func Digits(number int) int {
	sum := 0
	if number < 0 {
		number = -number
	}
	for number > 0 {
		sum += number % 10
		number /= 10
	}
	return sum
}

// Binary writes a number in base two.
func Binary(number int) string {
	if number == 0 {
		return "0"
	}
	text := ""
	for number > 0 {
		text = strconv.Itoa(number%2) + text
		number /= 2
	}
	return text
}

// Fibonacci returns the first numbers of the sequence.
func Fibonacci(count int) []int {
	found := []int{}
	a, b := 0, 1
	for i := 0; i < count; i++ {
		found = append(found, a)
		a, b = b, a+b
	}
	return found
}

// IsLeap tells whether a year has 366 days.
func IsLeap(year int) bool {
	return year%4 == 0 && (year%100 != 0 || year%400 == 0)
}
