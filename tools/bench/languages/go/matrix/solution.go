package solution

// Multiply multiplies two matrices.
func Multiply(a, b [][]int) [][]int {
	result := make([][]int, len(a))
	for i := range a {
		result[i] = make([]int, len(b[0]))
		for j := range b[0] {
			for k := range b {
				result[i][j] += a[i][k] * b[k][j]
			}
		}
	}
	return result
}

// Spiral returns the elements in a spiral from the outside.
func Spiral(a [][]int) []int {
	found := []int{}
	top, bottom := 0, len(a)-1
	left, right := 0, len(a[0])-1
	for top <= bottom && left <= right {
		for j := left; j <= right; j++ {
			found = append(found, a[top][j])
		}
		for i := top + 1; i <= bottom; i++ {
			found = append(found, a[i][right])
		}
		if top < bottom && left < right {
			for j := right - 1; j >= left; j-- {
				found = append(found, a[bottom][j])
			}
			for i := bottom - 1; i > top; i-- {
				found = append(found, a[i][left])
			}
		}
		top, bottom, left, right = top+1, bottom-1, left+1, right-1
	}
	return found
}
