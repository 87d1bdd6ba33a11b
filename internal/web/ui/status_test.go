package ui

import (
	"testing"
)

func TestBadgesOfKindsDifferInShape(t *testing.T) {
	seen := map[string]string{}
	for _, k := range []string{"info", "good", "warn", "bad", "held", "quiet"} {
		shape := string(icons[iconOf(k)])
		if shape == "" || seen[shape] != "" {
			t.Errorf("%s looks like %s", k, seen[shape])
		}
		seen[shape] = k
	}
}
