package solution

import (
	"reflect"
	"testing"
)

func TestMax(t *testing.T) {
	if got := first(Max([]int{-3, -1, -2})); !reflect.DeepEqual(got, -1) {
		t.Errorf("got %v", got)
	}
	if got := first(Max([]int{4, 9, 2})); !reflect.DeepEqual(got, 9) {
		t.Errorf("got %v", got)
	}
	if got := fails(Max(nil)); !reflect.DeepEqual(got, true) {
		t.Errorf("got %v", got)
	}
	if got := fails(Max([]int{1})); !reflect.DeepEqual(got, false) {
		t.Errorf("got %v", got)
	}
}

func TestSpread(t *testing.T) {
	if got := Spread([]int{3, 9, 5}); !reflect.DeepEqual(got, 6) {
		t.Errorf("got %v", got)
	}
	if got := Spread([]int{-3}); !reflect.DeepEqual(got, 0) {
		t.Errorf("got %v", got)
	}
	if got := Spread(nil); !reflect.DeepEqual(got, 0) {
		t.Errorf("got %v", got)
	}
}

func TestSecond(t *testing.T) {
	if got := Second([]int{1, 5, 3, 5}); !reflect.DeepEqual(got, 3) {
		t.Errorf("got %v", got)
	}
	if got := Second([]int{2, 1}); !reflect.DeepEqual(got, 1) {
		t.Errorf("got %v", got)
	}
	if got := Second([]int{4}); !reflect.DeepEqual(got, -1) {
		t.Errorf("got %v", got)
	}
}

func first(value int, _ error) int { return value }

func fails(_ int, err error) bool { return err != nil }
