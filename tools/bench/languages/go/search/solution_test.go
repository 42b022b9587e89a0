package solution

import (
	"reflect"
	"testing"
)

func TestFound(t *testing.T) {
	if got := Search([]int{1, 3, 5, 7, 9}, 7); !reflect.DeepEqual(got, 3) {
		t.Errorf("got %v", got)
	}
	if got := Search([]int{1, 3, 5, 7, 9}, 1); !reflect.DeepEqual(got, 0) {
		t.Errorf("got %v", got)
	}
	if got := Search([]int{1, 3, 5, 7, 9}, 9); !reflect.DeepEqual(got, 4) {
		t.Errorf("got %v", got)
	}
	if got := Search([]int{2}, 2); !reflect.DeepEqual(got, 0) {
		t.Errorf("got %v", got)
	}
}

func TestMissed(t *testing.T) {
	if got := Search([]int{1, 3, 5, 7}, 4); !reflect.DeepEqual(got, -1) {
		t.Errorf("got %v", got)
	}
	if got := Search(nil, 4); !reflect.DeepEqual(got, -1) {
		t.Errorf("got %v", got)
	}
	if got := Search([]int{1, 3}, 9); !reflect.DeepEqual(got, -1) {
		t.Errorf("got %v", got)
	}
}
