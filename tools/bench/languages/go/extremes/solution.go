package solution

import (
	"errors"
	"math"
)

// Max returns the greatest value.
func Max(values []int) (int, error) {
	if len(values) == 0 {
		return 0, errors.New("no values")
	}
	best := values[0]
	for _, value := range values[1:] {
		if value > best {
			best = value
		}
	}
	return best, nil
}

// Spread is the difference of the greatest and the least.
func Spread(values []int) int {
	low, high := math.MaxInt64, math.MinInt64
	for _, value := range values {
		if value < low {
			low = value
		}
		if value > high {
			high = value
		}
	}
	if len(values) == 0 {
		return 0
	}
	return high - low
}

// Second returns the second greatest of different values, or -1.
func Second(values []int) int {
	first, second := -1, -1
	for _, value := range values {
		if value > first {
			second = first
			first = value
		} else if value > second && value != first {
			second = value
		}
	}
	return second
}
