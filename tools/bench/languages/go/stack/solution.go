package solution

import (
	"errors"
)

// Stack holds values up to a limit.
type Stack struct {
	values []int
	limit  int
}

// Push adds a value if there is room.
func (s *Stack) Push(value int) bool {
	if len(s.values) >= s.limit {
		return false
	}
	s.values = append(s.values, value)
	return true
}

// Pop takes the last value.
func (s *Stack) Pop() (int, error) {
	if len(s.values) == 0 {
		return 0, errors.New("empty")
	}
	last := s.values[len(s.values)-1]
	s.values = s.values[:len(s.values)-1]
	return last, nil
}

// Sum adds the values up.
func (s *Stack) Sum() int {
	total := 0
	for _, value := range s.values {
		total += value
	}
	return total
}

// Run works out a reverse Polish expression.
func Run(words []string) int {
	s := &Stack{limit: 10}
	for _, word := range words {
		switch word {
		case "+", "-", "*":
			right, _ := s.Pop()
			left, _ := s.Pop()
			switch word {
			case "+":
				s.Push(left + right)
			case "-":
				s.Push(left - right)
			default:
				s.Push(left * right)
			}
		default:
			s.Push(int(word[0] - '0'))
		}
	}
	return s.Sum()
}
