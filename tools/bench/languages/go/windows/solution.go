package solution

// MaxSum returns the greatest sum of neighbours.
func MaxSum(values []int) int {
	best, current := values[0], values[0]
	for _, value := range values[1:] {
		if current < 0 {
			current = 0
		}
		current += value
		if current > best {
			best = current
		}
	}
	return best
}

// Moving returns averages of so many neighbours.
func Moving(values []float64, size int) []float64 {
	found := []float64{}
	sum := 0.0
	for i, value := range values {
		sum += value
		if i >= size {
			sum -= values[i-size]
		}
		if i >= size-1 {
			found = append(found, sum/float64(size))
		}
	}
	return found
}

// Pairs counts pairs with a sum.
func Pairs(values []int, sum int) int {
	count := 0
	for i := 0; i < len(values); i++ {
		for j := i + 1; j < len(values); j++ {
			if values[i]+values[j] == sum {
				count++
			}
		}
	}
	return count
}
