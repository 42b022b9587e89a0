package solution

import (
	"reflect"
	"testing"
)

func TestCaesar(t *testing.T) {
	if got := Caesar("abc XYZ!", 3); !reflect.DeepEqual(got, "def ABC!") {
		t.Errorf("got %v", got)
	}
	if got := Caesar("def ABC", -3); !reflect.DeepEqual(got, "abc XYZ") {
		t.Errorf("got %v", got)
	}
}

func TestPangram(t *testing.T) {
	if got := IsPangram("The quick brown fox jumps over the lazy dog, 123"); !reflect.DeepEqual(got, true) {
		t.Errorf("got %v", got)
	}
	if got := IsPangram("abc"); !reflect.DeepEqual(got, false) {
		t.Errorf("got %v", got)
	}
}

func TestAnagram(t *testing.T) {
	if got := IsAnagram("listen", "silent"); !reflect.DeepEqual(got, true) {
		t.Errorf("got %v", got)
	}
	if got := IsAnagram("ab", "abb"); !reflect.DeepEqual(got, false) {
		t.Errorf("got %v", got)
	}
	if got := IsAnagram("abb", "ab"); !reflect.DeepEqual(got, false) {
		t.Errorf("got %v", got)
	}
	if got := IsAnagram("aab", "abb"); !reflect.DeepEqual(got, false) {
		t.Errorf("got %v", got)
	}
}
