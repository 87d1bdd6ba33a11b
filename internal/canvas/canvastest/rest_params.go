package canvastest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// params are the parameters of a call, nested as Rails nests them, from the
// query and from a form or JSON body; the body wins.
type params map[string]any

const maxBody = 1 << 20

func readParams(w http.ResponseWriter, r *http.Request) (params, error) {
	p := params{}
	for name, values := range r.URL.Query() {
		p.add(name, values)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil || len(body) == 0 {
		return p, err
	}
	if strings.Contains(r.Header.Get("Content-Type"), "json") {
		decoder := json.NewDecoder(strings.NewReader(string(body)))
		decoder.UseNumber()
		var sent map[string]any
		if err := decoder.Decode(&sent); err != nil {
			return nil, err
		}
		for name, value := range sent {
			p[name] = value
		}
		return p, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	for name, values := range form {
		p.add(name, values)
	}
	return p, nil
}

// add puts "a", "a[]", "a[b]" and "a[b][]" where Rails would.
func (p params) add(name string, values []string) {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	outer, rest, nested := strings.Cut(name, "[")
	inner, array := strings.CutSuffix(rest, "[]")
	inner = strings.TrimSuffix(inner, "]")
	switch {
	case !nested:
		p[name] = list[len(list)-1]
	case inner == "":
		p[outer] = list
	default:
		hash, isHash := p[outer].(map[string]any)
		if !isHash {
			hash = map[string]any{}
			p[outer] = hash
		}
		if array {
			hash[inner] = list
		} else {
			hash[inner] = list[len(list)-1]
		}
	}
}

// hash returns a nested hash, empty if it is absent or of another kind.
func (p params) hash(name string) params {
	if m, isHash := p[name].(map[string]any); isHash {
		return m
	}
	return nil
}

// has says whether the key was sent at all, with whatever value.
func (p params) has(name string) bool {
	_, found := p[name]
	return found
}

// text returns a scalar as text, "" for anything else.
func (p params) text(name string) string { return scalar(p[name]) }

// texts returns an array of scalars, a lone scalar as an array of one.
func (p params) texts(name string) []string {
	list, isList := p[name].([]any)
	if !isList {
		if one := p.text(name); one != "" {
			return []string{one}
		}
		return nil
	}
	var out []string
	for _, v := range list {
		if t := scalar(v); t != "" {
			out = append(out, t)
		}
	}
	return out
}

// truthy is Canvas's value_to_boolean.
func (p params) truthy(name string) bool {
	switch strings.ToLower(p.text(name)) {
	case "1", "true", "t", "yes", "y", "on":
		return true
	}
	return false
}

func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}
