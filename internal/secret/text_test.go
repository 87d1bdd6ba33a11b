package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html/template"
	"log/slog"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/secret"
)

// canary is the value that must not be seen in any output.
const canary = "17~CanaryCanaryCanary"

type holder struct {
	Open   secret.Text
	Ptr    *secret.Text
	hidden secret.Text
}

func newHolder() holder {
	t := secret.New(canary)
	return holder{Open: t, Ptr: &t, hidden: t}
}

func TestTextShowsItselfOnlyThroughReveal(t *testing.T) {
	h := newHolder()
	if got := h.hidden.Reveal(); got != canary {
		t.Fatalf("Reveal = %q", got)
	}
	outputs := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%20s", "%.3s"} {
		outputs["fmt value "+verb] = fmt.Sprintf(verb, h.Open)
		outputs["fmt pointer "+verb] = fmt.Sprintf(verb, &h.Open)
		outputs["fmt struct "+verb] = fmt.Sprintf(verb, h)
		outputs["fmt struct pointer "+verb] = fmt.Sprintf(verb, &h)
		outputs["fmt slice "+verb] = fmt.Sprintf(verb, []holder{h})
		outputs["fmt map "+verb] = fmt.Sprintf(verb, map[string]holder{"k": h})
	}
	outputs["error"] = fmt.Errorf("call failed for %v", h.Open).Error()

	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"json log": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		"text log": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("m", "t", h.Open, "p", &h.Open, "h", h, "any", slog.AnyValue(h.Open))
		outputs[name] = b.String()
	}

	j, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	outputs["json"] = string(j)
	j, err = json.Marshal(map[string]any{"a": h.Open, "b": []any{&h.Open}})
	if err != nil {
		t.Fatal(err)
	}
	outputs["json map"] = string(j)
	x, err := xml.Marshal(h.Open)
	if err != nil {
		t.Fatal(err)
	}
	outputs["xml"] = string(x)
	var g bytes.Buffer
	if err := gob.NewEncoder(&g).Encode(struct{ T secret.Text }{h.Open}); err == nil {
		t.Error("gob encodes a secret")
	}
	if strings.Contains(g.String(), canary) {
		t.Error("gob shows the value")
	}
	var page strings.Builder
	if err := template.Must(template.New("p").Parse(`<p title="{{.}}">{{.}}</p><script>var a={{.}}</script>`)).Execute(&page, h.Open); err != nil {
		t.Fatal(err)
	}
	outputs["template"] = page.String()

	for name, out := range outputs {
		for _, part := range []string{canary, canary[3:], fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
			if strings.Contains(out, part) {
				t.Errorf("%s shows the value: %s", name, out)
			}
		}
		if out == "" {
			t.Errorf("%s is empty: nothing was tested", name)
		}
	}
	if !strings.Contains(outputs["json"], "[secret]") {
		t.Errorf("json has no mask: %s", outputs["json"])
	}
}

func TestEmptyTextIsZero(t *testing.T) {
	var zero secret.Text
	for name, got := range map[string]secret.Text{"zero value": zero, "New of nothing": secret.New("")} {
		if !got.IsZero() || got.Reveal() != "" {
			t.Errorf("%s: IsZero %v, Reveal %q", name, got.IsZero(), got.Reveal())
		}
		if got.String() != secret.New("x").String() {
			t.Errorf("%s prints differently from a full one: the mask tells whether there is a value", name)
		}
	}
	if secret.New("x").IsZero() {
		t.Error("a filled Text says it is zero")
	}
}

func TestTextCannotBeDecodedOrStored(t *testing.T) {
	for name, in := range map[string]string{
		"a JSON string": `{"Open":"` + canary + `"}`,
		"a JSON object": `{"Open":{"v":"` + canary + `"}}`,
		"a JSON number": `{"Open":5}`,
	} {
		var h holder
		err := json.Unmarshal([]byte(in), &h)
		if err == nil || !h.Open.IsZero() {
			t.Errorf("%s was decoded: err %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error shows the value: %v", name, err)
		}
	}
	var txt secret.Text
	if err := txt.UnmarshalText([]byte(canary)); err == nil || !txt.IsZero() {
		t.Errorf("UnmarshalText accepted a value: %v", err)
	}
	if v, err := secret.New(canary).Value(); err == nil || v != nil {
		t.Errorf("Value gave %v, %v: a secret reached SQL", v, err)
	}
}
