package lti

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"unicode"
	"unicode/utf8"
)

// Sizes in bytes, checked before anything is parsed. A token can be large:
// Canvas's list of administered accounts and its course history are 40 kB each
// before they are encoded.
const (
	maxToken      = 256 << 10
	maxLaunchForm = maxToken + 16<<10
	maxLoginForm  = 64 << 10
	maxProofForm  = 8 << 10
)

// postForm returns the fields of a form post, each of which comes once. The
// query is not looked at.
func postForm(w http.ResponseWriter, r *http.Request, limit int64) (url.Values, *Refusal) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, refuse(ReasonMethod, nil)
	}
	if refusal := parseForm(w, r, limit); refusal != nil {
		return nil, refusal
	}
	return once(r.PostForm)
}

// loginForm returns the parameters of a login request: of a GET, or of a form
// post and its URL together.
func loginForm(w http.ResponseWriter, r *http.Request) (url.Values, *Refusal) {
	switch r.Method {
	case http.MethodGet, http.MethodPost:
	default:
		w.Header().Set("Allow", "GET, POST")
		return nil, refuse(ReasonMethod, nil)
	}
	if len(r.URL.RawQuery) > maxLoginForm {
		return nil, refuse(ReasonTooLarge, nil)
	}
	if refusal := parseForm(w, r, maxLoginForm); refusal != nil {
		return nil, refusal
	}
	return once(r.Form)
}

func parseForm(w http.ResponseWriter, r *http.Request, limit int64) *Refusal {
	if r.Method == http.MethodPost {
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "application/x-www-form-urlencoded" {
			return refuse(ReasonForm, nil)
		}
		if r.ContentLength > limit {
			return refuse(ReasonTooLarge, nil)
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
	}
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return refuse(ReasonTooLarge, nil)
		}
		// The error would quote the field.
		return refuse(ReasonForm, nil)
	}
	return nil
}

func once(form url.Values) (url.Values, *Refusal) {
	for _, values := range form {
		if len(values) > 1 {
			return nil, refuse(ReasonDuplicateField, nil)
		}
	}
	return form, nil
}

// plain reports whether s is at most limit bytes of printable UTF-8.
func plain(s string, limit int) bool {
	if len(s) > limit || !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if unicode.IsControl(c) {
			return false
		}
	}
	return true
}
