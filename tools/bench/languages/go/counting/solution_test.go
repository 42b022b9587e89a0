package solution

import (
	"reflect"
	"testing"
)

func TestCount(t *testing.T) {
	if got := Count("a B b A a"); !reflect.DeepEqual(got, map[string]int{"a": 3, "b": 2}) {
		t.Errorf("got %v", got)
	}
	if got := Count(""); !reflect.DeepEqual(got, map[string]int{}) {
		t.Errorf("got %v", got)
	}
}

func TestMost(t *testing.T) {
	if got := Most("x y y"); !reflect.DeepEqual(got, "y") {
		t.Errorf("got %v", got)
	}
	if got := Most("b a b a"); !reflect.DeepEqual(got, "a") {
		t.Errorf("got %v", got)
	}
	if got := Most(""); !reflect.DeepEqual(got, "") {
		t.Errorf("got %v", got)
	}
}

func TestVowels(t *testing.T) {
	if got := Vowels("education"); !reflect.DeepEqual(got, 5) {
		t.Errorf("got %v", got)
	}
	if got := Vowels("xyz"); !reflect.DeepEqual(got, 0) {
		t.Errorf("got %v", got)
	}
}
