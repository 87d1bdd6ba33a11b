package canvas

import (
	"reflect"

	"github.com/tokendesk/tokendesk/internal/secret"
)

// raw is a text of an answer that is compared or followed and never shown: it
// stays as it came.
type raw string

// saidMax is the longest text kept of what Canvas says, in characters. Canvas's
// own columns hold 255, a marker at the end of a purpose included.
const saidMax = 500

// said is a text of Canvas's as it may be stored and shown to other people:
// cleaned by Config.Clean, without what looks like a token's value, and short.
func (c *Client) said(s string) string {
	if c.cfg.Clean != nil {
		s = c.cfg.Clean(s)
	}
	s = secret.Redact(s)
	if len(s) > saidMax {
		if r := []rune(s); len(r) > saidMax {
			s = string(r[:saidMax])
		}
	}
	return s
}

// scrub makes every text in a decoded answer one that was said, so that no call
// can forget it. Texts of a type of their own (id, raw) are left alone.
func (c *Client) scrub(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		c.scrub(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				c.scrub(f)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			c.scrub(v.Index(i))
		}
	case reflect.String:
		if v.Type() == reflect.TypeFor[string]() {
			v.SetString(c.said(v.String()))
		}
	}
}
