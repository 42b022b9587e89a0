package solution

import (
	"reflect"
	"testing"
)

func TestMultiply(t *testing.T) {
	if got := Multiply([][]int{{1, 2}, {3, 4}}, [][]int{{5, 6}, {7, 8}}); !reflect.DeepEqual(got, [][]int{{19, 22}, {43, 50}}) {
		t.Errorf("got %v", got)
	}
	if got := Multiply([][]int{{1, 2, 3}}, [][]int{{1}, {2}, {3}}); !reflect.DeepEqual(got, [][]int{{14}}) {
		t.Errorf("got %v", got)
	}
}

func TestSpiral(t *testing.T) {
	if got := Spiral([][]int{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}); !reflect.DeepEqual(got, []int{1, 2, 3, 6, 9, 8, 7, 4, 5}) {
		t.Errorf("got %v", got)
	}
	if got := Spiral([][]int{{1, 2}}); !reflect.DeepEqual(got, []int{1, 2}) {
		t.Errorf("got %v", got)
	}
	if got := Spiral([][]int{{1}, {2}, {3}}); !reflect.DeepEqual(got, []int{1, 2, 3}) {
		t.Errorf("got %v", got)
	}
	if got := Spiral([][]int{{1, 2, 3, 4}, {5, 6, 7, 8}}); !reflect.DeepEqual(got, []int{1, 2, 3, 4, 8, 7, 6, 5}) {
		t.Errorf("got %v", got)
	}
}
