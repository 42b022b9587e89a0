package solution

// Search returns where a value is in ordered values, or -1.
func Search(values []int, wanted int) int {
	lo, hi := 0, len(values)-1
	for lo <= hi {
		middle := (lo + hi) / 2
		if values[middle] == wanted {
			return middle
		}
		if values[middle] < wanted {
			lo = middle + 1
		} else {
			hi = middle - 1
		}
	}
	return -1
}
