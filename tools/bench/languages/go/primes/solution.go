package solution

// Sieve returns the primes below a limit.
func Sieve(limit int) []int {
	composite := make([]bool, limit+1)
	found := []int{}
	for i := 2; i < limit; i++ {
		if composite[i] {
			continue
		}
		found = append(found, i)
		for j := i * i; j < limit; j += i {
			composite[j] = true
		}
	}
	return found
}

// Gcd is the greatest common divisor.
func Gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Lcm is the least common multiple.
func Lcm(a, b int) int {
	if a == 0 || b == 0 {
		return 0
	}
	return a / Gcd(a, b) * b
}
