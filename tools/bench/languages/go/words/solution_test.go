package solution

import (
	"reflect"
	"testing"
)

func TestReverse(t *testing.T) {
	if got := Reverse("abcd"); !reflect.DeepEqual(got, "dcba") {
		t.Errorf("got %v", got)
	}
	if got := Reverse("äbc"); !reflect.DeepEqual(got, "cbä") {
		t.Errorf("got %v", got)
	}
	if got := Reverse(""); !reflect.DeepEqual(got, "") {
		t.Errorf("got %v", got)
	}
}

func TestInitials(t *testing.T) {
	if got := Initials("ada lovelace king"); !reflect.DeepEqual(got, "ALK") {
		t.Errorf("got %v", got)
	}
	if got := Initials(""); !reflect.DeepEqual(got, "") {
		t.Errorf("got %v", got)
	}
}

func TestExtension(t *testing.T) {
	if got := Extension("a.tar.gz"); !reflect.DeepEqual(got, "gz") {
		t.Errorf("got %v", got)
	}
	if got := Extension("abc"); !reflect.DeepEqual(got, "") {
		t.Errorf("got %v", got)
	}
	if got := Extension("a."); !reflect.DeepEqual(got, "") {
		t.Errorf("got %v", got)
	}
	if got := Extension(".x"); !reflect.DeepEqual(got, "x") {
		t.Errorf("got %v", got)
	}
}

func TestLongest(t *testing.T) {
	if got := Longest("a bcd efg h"); !reflect.DeepEqual(got, "bcd") {
		t.Errorf("got %v", got)
	}
	if got := Longest(""); !reflect.DeepEqual(got, "") {
		t.Errorf("got %v", got)
	}
}
