package solution

import (
	"reflect"
	"testing"
)

func TestInsertion(t *testing.T) {
	if got := Insertion([]int{3, 1, 2}); !reflect.DeepEqual(got, []int{1, 2, 3}) {
		t.Errorf("got %v", got)
	}
	if got := Insertion([]int{5, 4, 3, 2, 1}); !reflect.DeepEqual(got, []int{1, 2, 3, 4, 5}) {
		t.Errorf("got %v", got)
	}
	if got := Insertion(nil); !reflect.DeepEqual(got, []int{}) {
		t.Errorf("got %v", got)
	}
}

func TestMerge(t *testing.T) {
	if got := Merge([]int{1, 4}, []int{2, 3, 5}); !reflect.DeepEqual(got, []int{1, 2, 3, 4, 5}) {
		t.Errorf("got %v", got)
	}
	if got := Merge(nil, []int{1}); !reflect.DeepEqual(got, []int{1}) {
		t.Errorf("got %v", got)
	}
	if got := Merge([]int{1, 1}, []int{1}); !reflect.DeepEqual(got, []int{1, 1, 1}) {
		t.Errorf("got %v", got)
	}
	if got := Merge([]int{7}, []int{1}); !reflect.DeepEqual(got, []int{1, 7}) {
		t.Errorf("got %v", got)
	}
}

func TestSorted(t *testing.T) {
	if got := IsSorted([]int{1, 2, 2}); !reflect.DeepEqual(got, true) {
		t.Errorf("got %v", got)
	}
	if got := IsSorted([]int{2, 1}); !reflect.DeepEqual(got, false) {
		t.Errorf("got %v", got)
	}
	if got := IsSorted([]int{1, 2, 1}); !reflect.DeepEqual(got, false) {
		t.Errorf("got %v", got)
	}
	if got := IsSorted(nil); !reflect.DeepEqual(got, true) {
		t.Errorf("got %v", got)
	}
}
