package access

import "testing"

func TestCanvasID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"1": true, "42": true, "170000000000016": true, "9223372036854775807": true,
		"": false, "0": false, "042": false, "-1": false, "+1": false, "4.2": false, "4e3": false, "0x1f": false, "1_000": false,
		" 42": false, "42 ": false, "42\n": false, "\n42": false, "4\x002": false, "17~16": false, "self": false, "$Canvas.user.id": false,
		"42/edit": false, "../1": false, "42?as=1": false, "42%2F": false, "４２": false, "٤٢": false,
		"92233720368547758070": false, // more digits than an id has
	} {
		if got := CanvasID(text); got != want {
			t.Errorf("CanvasID(%q) = %t", text, got)
		}
	}
}
