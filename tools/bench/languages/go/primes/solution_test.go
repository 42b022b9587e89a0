package solution

import (
	"reflect"
	"testing"
)

func TestSieve(t *testing.T) {
	if got := Sieve(20); !reflect.DeepEqual(got, []int{2, 3, 5, 7, 11, 13, 17, 19}) {
		t.Errorf("got %v", got)
	}
	if got := Sieve(11); !reflect.DeepEqual(got, []int{2, 3, 5, 7}) {
		t.Errorf("got %v", got)
	}
	if got := Sieve(0); !reflect.DeepEqual(got, []int{}) {
		t.Errorf("got %v", got)
	}
}

func TestGcd(t *testing.T) {
	if got := Gcd(12, 18); !reflect.DeepEqual(got, 6) {
		t.Errorf("got %v", got)
	}
	if got := Gcd(7, 0); !reflect.DeepEqual(got, 7) {
		t.Errorf("got %v", got)
	}
}

func TestLcm(t *testing.T) {
	if got := Lcm(4, 6); !reflect.DeepEqual(got, 12) {
		t.Errorf("got %v", got)
	}
	if got := Lcm(0, 3); !reflect.DeepEqual(got, 0) {
		t.Errorf("got %v", got)
	}
	if got := Lcm(3, 0); !reflect.DeepEqual(got, 0) {
		t.Errorf("got %v", got)
	}
	if got := Lcm(5, 7); !reflect.DeepEqual(got, 35) {
		t.Errorf("got %v", got)
	}
}
