package canvas

import (
	"encoding/json"
	"testing"
	"time"
)

func TestIDsAreReadExactly(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in, want string
		ok       bool
	}{
		"a string":                     {`"42"`, "42", true},
		"a number":                     {`42`, "42", true},
		"a number above 2^53":          {`9223372036854775807`, "9223372036854775807", true},
		"a string above 2^53":          {`"170000000000000016"`, "170000000000000016", true},
		"a short global id":            {`"17~16"`, "17~16", true},
		"null":                         {`null`, "", true},
		"an empty string":              {`""`, "", true},
		"a fraction":                   {`4.5`, "", false},
		"a power of ten":               {`4e3`, "", false},
		"a negative number":            {`-4`, "", false},
		"a word":                       {`"self"`, "", false},
		"a path":                       {`"../1"`, "", false},
		"true":                         {`true`, "", false},
		"an object":                    {`{"id":4}`, "", false},
		"more digits than any id has":  {`"123456789012345678901"`, "", false},
		"a number with too many, bare": {`123456789012345678901`, "", false},
	} {
		var got id
		err := json.Unmarshal([]byte(tc.in), &got)
		if (err == nil) != tc.ok || tc.ok && string(got) != tc.want {
			t.Errorf("%s: %s gives %q, %v", name, tc.in, got, err)
		}
	}
}

func TestSameID(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		a, b string
		want bool
	}{
		"equal":                             {"42", "42", true},
		"different":                         {"42", "43", false},
		"local and global":                  {"16", "170000000000016", true},
		"short and global":                  {"17~16", "170000000000016", true},
		"short and local":                   {"17~16", "16", true},
		"two shards":                        {"17~16", "18~16", false},
		"two globals":                       {"170000000000016", "180000000000016", false},
		"leading zeros do not make another": {"016", "16", true},
		"nothing":                           {"", "", false},
		"not an id":                         {"self", "self", false},
		"an id too large to be one":         {"99999999999999999999", "99999999999999999999", false},
	} {
		if got := SameID(tc.a, tc.b); got != tc.want || SameID(tc.b, tc.a) != got {
			t.Errorf("%s: SameID(%q, %q) = %v", name, tc.a, tc.b, got)
		}
	}
}

func TestPathSegments(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in, segment, number string // "" = refused
	}{
		"a number":        {"42", "42", "42"},
		"a global number": {"170000000000016", "170000000000016", "170000000000016"},
		"a short id":      {"17~16", "17~16", "170000000000016"},
		"self":            {"self", "self", ""},
		"nothing":         {"", "", ""},
		"a path":          {"1/../2", "", ""},
		"dots":            {"..", "", ""},
		"a query":         {"1?as_user_id=2", "", ""},
		"an escape":       {"1%2f2", "", ""},
		"a prefixed id":   {"sis_user_id:1", "", ""},
		"a line end":      {"1\n", "", ""},
		"a tilde alone":   {"~", "", ""},
		"two tildes":      {"1~2~3", "", ""},
		"a hint":          {"aB3xY", "", ""},
		"other digits":    {"४२", "", ""},
	} {
		got, err := segment("op", "user", tc.in)
		if got != tc.segment || (err == nil) != (tc.segment != "") {
			t.Errorf("%s: segment = %q, %v", name, got, err)
		}
		got, err = numericID("op", "token", tc.in)
		if got != tc.number || (err == nil) != (tc.number != "") {
			t.Errorf("%s: numericID = %q, %v", name, got, err)
		}
	}
	if got, want := prefixed("lti_1_3_id", "a/b.c?d e%"), "lti_1_3_id:a%2Fb%2Ec%3Fd%20e%25"; got != want {
		t.Errorf("prefixed = %s, want %s", got, want)
	}
}

func TestMomentsAndTruths(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`"2026-12-12T07:00:00Z"`: "2026-12-12T07:00:00Z", `"2026-12-12T00:00:00-07:00"`: "2026-12-12T07:00:00Z",
		`null`: "0001-01-01T00:00:00Z", `""`: "0001-01-01T00:00:00Z", `"soon"`: "error", `5`: "error", `"2026-12-12"`: "error",
	} {
		var m moment
		got := "error"
		if err := json.Unmarshal([]byte(in), &m); err == nil {
			got = m.Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%s is read as %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{
		`true`: "true", `"true"`: "true", `false`: "false", `"false"`: "false", `null`: "false", `1`: "error", `"yes"`: "error", `""`: "error",
	} {
		var b truth
		got := "error"
		if err := json.Unmarshal([]byte(in), &b); err == nil {
			got = map[bool]string{true: "true", false: "false"}[bool(b)]
		}
		if got != want {
			t.Errorf("%s is read as %s, want %s", in, got, want)
		}
	}
}
