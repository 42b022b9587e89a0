package solution

import (
	"reflect"
	"testing"
)

func TestPush(t *testing.T) {
	if got := pushed(2, 1, 2, 3); !reflect.DeepEqual(got, 2) {
		t.Errorf("got %v", got)
	}
	if got := pushed(1, 5); !reflect.DeepEqual(got, 1) {
		t.Errorf("got %v", got)
	}
}

func TestPop(t *testing.T) {
	if got := popped(3, 1, 2, 3); !reflect.DeepEqual(got, []int{3, 2, 1}) {
		t.Errorf("got %v", got)
	}
	if got := popped(3); !reflect.DeepEqual(got, []int{}) {
		t.Errorf("got %v", got)
	}
}

func TestRun(t *testing.T) {
	if got := Run([]string{"3", "4", "+", "2", "*"}); !reflect.DeepEqual(got, 14) {
		t.Errorf("got %v", got)
	}
	if got := Run([]string{"9", "4", "-"}); !reflect.DeepEqual(got, 5) {
		t.Errorf("got %v", got)
	}
	if got := Run([]string{"7"}); !reflect.DeepEqual(got, 7) {
		t.Errorf("got %v", got)
	}
}

func pushed(limit int, values ...int) int {
	s, count := &Stack{limit: limit}, 0
	for _, value := range values {
		if s.Push(value) {
			count++
		}
	}
	return count
}

func popped(limit int, values ...int) []int {
	s, found := &Stack{limit: limit}, []int{}
	for _, value := range values {
		s.Push(value)
	}
	for {
		value, err := s.Pop()
		if err != nil {
			return found
		}
		found = append(found, value)
	}
}
