package solution

import (
	"reflect"
	"testing"
)

func TestDigits(t *testing.T) {
	if got := Digits(129); !reflect.DeepEqual(got, 12) {
		t.Errorf("got %v", got)
	}
	if got := Digits(-34); !reflect.DeepEqual(got, 7) {
		t.Errorf("got %v", got)
	}
	if got := Digits(0); !reflect.DeepEqual(got, 0) {
		t.Errorf("got %v", got)
	}
}

func TestBinary(t *testing.T) {
	if got := Binary(10); !reflect.DeepEqual(got, "1010") {
		t.Errorf("got %v", got)
	}
	if got := Binary(0); !reflect.DeepEqual(got, "0") {
		t.Errorf("got %v", got)
	}
	if got := Binary(1); !reflect.DeepEqual(got, "1") {
		t.Errorf("got %v", got)
	}
}

func TestFibonacci(t *testing.T) {
	if got := Fibonacci(7); !reflect.DeepEqual(got, []int{0, 1, 1, 2, 3, 5, 8}) {
		t.Errorf("got %v", got)
	}
	if got := Fibonacci(0); !reflect.DeepEqual(got, []int{}) {
		t.Errorf("got %v", got)
	}
}

func TestLeap(t *testing.T) {
	if got := []bool{IsLeap(2000), IsLeap(1900), IsLeap(2024), IsLeap(2023)}; !reflect.DeepEqual(got, []bool{true, false, true, false}) {
		t.Errorf("got %v", got)
	}
}
