package ui

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestReadFormRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		kind, body string
		want       error
	}{
		"a good form":              {"application/x-www-form-urlencoded", "a=1&pick=x&pick=y&tool_session=A&tool_session=A", nil},
		"a form with its charset":  {"application/x-www-form-urlencoded; charset=utf-8", "a=1", nil},
		"a field that comes twice": {"application/x-www-form-urlencoded", "end=2026-12-12&end=2027-12-12", ErrForm},
		"JSON":                     {"application/json", `{"a":1}`, ErrForm},
		"multipart":                {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--", ErrForm},
		"plain text":               {"text/plain", "a=1", ErrForm},
		"no type":                  {"", "a=1", ErrForm},
		"broken escapes":           {"application/x-www-form-urlencoded", "a=%zz", ErrForm},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tc.body))
		r.Header.Set("Content-Type", tc.kind)
		if _, err := ReadForm(r); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestRetryFieldsLeaveTheHandleOut(t *testing.T) {
	got := retryFields(url.Values{"tool_session": {"SECRET"}, "b": {"2"}, "a": {"1"}, "data": {"x", "y"}})
	want := []RetryField{{"a", "1"}, {"b", "2"}, {"data", "x"}, {"data", "y"}}
	if !slices.Equal(got, want) {
		t.Errorf("fields %v, want %v", got, want)
	}
	many := url.Values{}
	for i := range 2 * retryMax {
		many.Add("data", strings.Repeat("x", i))
	}
	if n := len(retryFields(many)); n != retryMax {
		t.Errorf("%d fields are repeated", n)
	}
}

// Before a launch, the language is the first that the browser asks for.
func TestLanguageBeforeALaunch(t *testing.T) {
	for asked, want := range map[string]string{"es-ES, en;q=0.8": "es-ES", " de;q=0.9,en": "de", "fr": "fr", "": "", ",": "", "*": "*"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Language", asked)
		if got := preferred(r); got != want {
			t.Errorf("%q asks for %q, want %q", asked, got, want)
		}
	}
}

// A filter that reads as nothing selects all, and all that is selected can be revoked.
func TestOfALongFilterTheBeginningIsLookedFor(t *testing.T) {
	long := strings.Repeat("é", MaxSearch)
	for typed, want := range map[string]string{
		long:                              long,
		long + "x":                        long,
		long[:2*MaxSearch-2] + " " + long: long[:2*MaxSearch-2],
		" " + long + " ":                  long,
	} {
		v := &Visit{R: httptest.NewRequest(http.MethodPost, "/tokens?"+url.Values{"vendor": {typed}}.Encode(), nil)}
		v.R.PostForm = url.Values{"vendor": {typed}}
		if query, posted := v.Query("vendor"), v.Posted("vendor"); query != want || posted != want {
			t.Errorf("of %d characters, %d and %d are looked for, want %d", len([]rune(typed)), len([]rune(query)), len([]rune(posted)), len([]rune(want)))
		}
	}
}
