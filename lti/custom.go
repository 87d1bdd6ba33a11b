package lti

import (
	"encoding/json"
	"errors"
	"strings"
)

// CustomKind says what a custom parameter turned out to be.
type CustomKind uint8

// The kinds of custom values. Only CustomText carries a meaning; everything
// else is absence, kept apart because "asked and not answered" can differ from
// "never asked".
const (
	CustomMissing  CustomKind = iota // no such key
	CustomNull                       // JSON null: older Canvas for a variable without a value
	CustomLiteral                    // "$Name": the platform did not expand the variable
	CustomText                       // a value; numbers and booleans as their JSON text
	CustomUnusable                   // an array or object, which no platform should send
)

// CustomValue is one custom parameter. Text is the value of a CustomText and
// the raw text of a CustomLiteral, else empty.
type CustomValue struct {
	Kind CustomKind
	Text string
}

// Custom holds the custom parameters of a launch. Canvas sends numbers and
// booleans as JSON values or as strings, depending on its version (variable
// expander, 2024 against 2026); here they are always text.
type Custom map[string]CustomValue

// Value returns the parameter named key, of kind CustomMissing if there is none.
func (c Custom) Value(key string) CustomValue { return c[key] }

// Text returns the value of key. It reports false if the parameter is missing,
// null, unusable, or still the literal $Variable that Canvas leaves where it
// has no value. An empty string is a value.
func (c Custom) Text(key string) (string, bool) {
	v := c[key]
	if v.Kind != CustomText {
		return "", false
	}
	return v.Text, true
}

// True reports whether key is the boolean true, as JSON or as text. Anything
// else, including absence, is false.
func (c Custom) True(key string) bool {
	v, ok := c.Text(key)
	return ok && v == "true"
}

// customClaim is the claim as a token has it. It reads its object itself:
// encoding/json would go over each value three times, and Canvas's brand
// variables alone are 4 kB.
type customClaim Custom

// UnmarshalJSON takes an object, whatever its values are, or null. Only
// encoding/json may call it: memberScan relies on valid JSON.
func (c *customClaim) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case 'n':
		return nil
	case '{':
	default:
		return errors.New("not an object")
	}
	out := customClaim{}
	for s := (memberScan{data: b, at: 1}); ; {
		s.space()
		switch b[s.at] {
		case '}':
			*c = out
			return nil
		case ',':
			s.at++
			s.space()
		}
		name := string(s.text())
		s.space()
		s.at++ // :
		s.space()
		if b[s.at] == '"' {
			out[name] = customText(string(s.text()))
			continue
		}
		from := s.at
		s.value(nil)
		out[name] = bareValue(b[from:s.at])
	}
}

// UnmarshalJSON takes any JSON value.
func (v *CustomValue) UnmarshalJSON(b []byte) error {
	if len(b) == 0 {
		return errors.New("empty JSON value")
	}
	if b[0] != '"' {
		*v = bareValue(b)
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*v = customText(s)
	return nil
}

// bareValue is a value without quotes.
func bareValue(b []byte) CustomValue {
	switch b[0] {
	case 'n':
		return CustomValue{Kind: CustomNull}
	case '[', '{':
		return CustomValue{Kind: CustomUnusable}
	default:
		return CustomValue{Kind: CustomText, Text: string(b)}
	}
}

// MarshalJSON writes the value so that UnmarshalJSON reads the same again.
func (v CustomValue) MarshalJSON() ([]byte, error) {
	switch v.Kind {
	case CustomText, CustomLiteral:
		return json.Marshal(v.Text)
	case CustomUnusable:
		return []byte("[]"), nil
	default:
		return []byte("null"), nil
	}
}

func customText(s string) CustomValue {
	if strings.HasPrefix(s, "$") {
		return CustomValue{Kind: CustomLiteral, Text: s}
	}
	return CustomValue{Kind: CustomText, Text: s}
}
