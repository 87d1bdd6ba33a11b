package operate_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/operate"
)

func TestAuditExportVerifies(t *testing.T) {
	cv := canvastest.Start(t, canvastest.Options{})
	a := start(t, settings(t), app.Options{})
	if _, err := a.Operate.ExportAudit(t.Context(), "", io.Discard); !errors.Is(err, operate.ErrUsage) {
		t.Errorf("with no platform: %v", err)
	}
	if _, err := a.Operate.AddPlatform(t.Context(), spec(cv)); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := a.Operate.SetSchool(t.Context(), "Northfield", fmt.Appendf(nil, `{"contact":"desk %d"}`, i), "change"); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if n, err := a.Operate.ExportAudit(t.Context(), "", &out); err != nil || n != 7 {
		t.Fatalf("export: %d, %v", n, err)
	}
	got, err := operate.VerifyAudit(bytes.NewReader(out.Bytes()))
	if err != nil || len(got) != 1 || got[0].Entries != 7 || got[0].Erased != 0 || len(got[0].Head) != 64 {
		t.Fatalf("verify: %+v, %v", got, err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(out.String(), "\n"), "\n")
	swap := func(i int, change func(m map[string]any)) string {
		var m map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		all := append([]string{}, lines...)
		all[i] = string(b) + "\n"
		return strings.Join(all, "")
	}
	for name, doc := range map[string]string{
		"an entry missing":       strings.Join(append(append([]string{}, lines[:2]...), lines[3:]...), ""),
		"the beginning missing":  strings.Join(lines[1:], ""),
		"two entries exchanged":  lines[0] + lines[2] + lines[1],
		"another actor":          swap(2, func(m map[string]any) { m["event"].(map[string]any)["actor"] = "per_x" }),
		"other details":          swap(2, func(m map[string]any) { m["detail"].(map[string]any)["data"].(map[string]any)["reason"] = "x" }),
		"a number made up":       swap(5, func(m map[string]any) { m["event"].(map[string]any)["seq"] = 7 }),
		"something else":         "hello\n",
		"an entry written twice": lines[0] + lines[0],
		"nothing":                "",
	} {
		if _, err := operate.VerifyAudit(strings.NewReader(doc)); err == nil {
			t.Errorf("%s: verified", name)
		}
	}
	erased := swap(2, func(m map[string]any) { delete(m, "detail") })
	if got, err := operate.VerifyAudit(strings.NewReader(erased)); err != nil || got[0].Erased != 1 {
		t.Errorf("erased details: %+v, %v", got, err)
	}
}
