package operate_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/app"
	"github.com/tokendesk/tokendesk/internal/audit"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
	"github.com/tokendesk/tokendesk/internal/operate"
	"github.com/tokendesk/tokendesk/internal/store"
)

func TestSetSchool(t *testing.T) {
	cv := canvastest.Start(t, canvastest.Options{})
	a := start(t, settings(t), app.Options{})
	p, err := a.Operate.AddPlatform(t.Context(), spec(cv))
	if err != nil {
		t.Fatal(err)
	}
	school := func() store.School {
		var s store.Tenant
		if err := a.Store.Read(t.Context(), func(tx *store.Tx) error { s, err = tx.Tenant(p.Tenant); return err }); err != nil {
			t.Fatal(err)
		}
		return s.School
	}
	before := school()
	good := `{"canvas_team":"LMS desk","time_zone":"America/Denver","supervisors":["42"],"rules":["One."],"rules_version":"2","rules_date":"2026-12-01"}`
	if err := a.Operate.SetSchool(t.Context(), "Northfield", []byte(good), "new names"); err != nil {
		t.Fatal(err)
	}
	after := school()
	if after.CanvasTeam != "LMS desk" || after.TimeZone != "America/Denver" || after.Supervisors[0] != "42" || after.SecurityOffice != before.SecurityOffice || len(after.Rules) != 1 {
		t.Errorf("settings: %+v", after)
	}
	for name, doc := range map[string]string{
		"a field that does not exist": `{"canvas_teem":"x"}`,
		"no JSON":                     `canvas_team: x`,
		"two documents":               `{} {}`,
		"an empty team":               `{"canvas_team":""}`,
		"a team of two lines":         `{"canvas_team":"a\nb"}`,
		"a zone that is not there":    `{"time_zone":"Denver"}`,
		"a list of names":             `{"staff_list":["Maya Chen"]}`,
		"no rules":                    `{"rules":[]}`,
		"an empty rule":               `{"rules":[""]}`,
		"too many rules":              `{"rules":["1","2","3","4","5","6","7","8","9","10","11","12","13"]}`,
		"a date that is none":         `{"rules_date":"1 September"}`,
		"a hidden override":           `{"contact":"a\u202eb"}`,
	} {
		if err := a.Operate.SetSchool(t.Context(), "Northfield", []byte(doc), "x"); !errors.Is(err, operate.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if fmt.Sprint(school()) != fmt.Sprint(after) {
		t.Error("a refused document changed something")
	}
	var entries []store.AuditEntry
	if err := a.Store.Read(t.Context(), func(tx *store.Tx) error { entries, err = tx.AuditOf(p.Tenant, string(p.Tenant)); return err }); err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 || entries[0].Event.Action != audit.PolicyPublish { // its first policy
		t.Fatalf("audit: %+v", entries)
	}
	if entries[1].Detail.Data["reason"] != "new names" || !strings.Contains(entries[1].Detail.Data["after"], "LMS desk") || !strings.HasPrefix(entries[1].Event.Actor, "operator:") {
		t.Errorf("audit: %+v", entries)
	}
}
