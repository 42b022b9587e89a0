package solution

import (
	"reflect"
	"testing"
)

func TestMaxSum(t *testing.T) {
	if got := MaxSum([]int{-2, 1, -3, 4, -1, 2, 1, -5, 4}); !reflect.DeepEqual(got, 6) {
		t.Errorf("got %v", got)
	}
	if got := MaxSum([]int{-3, -1, -2}); !reflect.DeepEqual(got, -1) {
		t.Errorf("got %v", got)
	}
	if got := MaxSum([]int{5}); !reflect.DeepEqual(got, 5) {
		t.Errorf("got %v", got)
	}
}

func TestMoving(t *testing.T) {
	if got := Moving([]float64{1, 2, 3, 4}, 2); !reflect.DeepEqual(got, []float64{1.5, 2.5, 3.5}) {
		t.Errorf("got %v", got)
	}
	if got := Moving([]float64{1}, 2); !reflect.DeepEqual(got, []float64{}) {
		t.Errorf("got %v", got)
	}
	if got := Moving([]float64{6, 3, 9}, 3); !reflect.DeepEqual(got, []float64{6}) {
		t.Errorf("got %v", got)
	}
}

func TestPairs(t *testing.T) {
	if got := Pairs([]int{1, 3, 2, 2}, 4); !reflect.DeepEqual(got, 2) {
		t.Errorf("got %v", got)
	}
	if got := Pairs([]int{2}, 4); !reflect.DeepEqual(got, 0) {
		t.Errorf("got %v", got)
	}
	if got := Pairs([]int{2, 2, 2}, 4); !reflect.DeepEqual(got, 3) {
		t.Errorf("got %v", got)
	}
}
