package canvastest

import (
	"encoding/json"
	"net/url"
	"strings"
)

// variables are the substitutions that this platform knows, by name without
// the dollar sign. Everything else stays literal.
var variables = map[string]variable{
	// The person.
	"Canvas.user.id":                    withUser(func(sc *scene) any { return sc.user.ID }),
	"User.id":                           withUser(func(sc *scene) any { return sc.user.ID }),
	"Canvas.user.globalId":              withUser(func(sc *scene) any { return sc.w.globalLocked(sc.user.ID) }),
	"Canvas.user.loginId":               withLogin(loginName),
	"User.username":                     withLogin(loginName),
	"Canvas.user.sisSourceId":           withLogin(sisID),
	"Person.sourcedId":                  withLogin(sisID),
	"Canvas.user.sisIntegrationId":      withLogin(func(_ *scene, l *Login) any { return text(l.IntegrationID) }),
	"vnd.instructure.User.uuid":         withUser(func(sc *scene) any { return sc.user.identityIn(sc.contextID()).uuid }),
	"vnd.instructure.User.current_uuid": withUser(func(sc *scene) any { return sc.user.UUID }),
	"Person.name.full":                  withUser(func(sc *scene) any { return sc.user.Name }),
	"Person.name.display":               withUser(func(sc *scene) any { return sc.user.ShortName }),
	"Person.name.given":                 withUser(func(sc *scene) any { return sc.user.GivenName }),
	"Person.name.family":                withUser(func(sc *scene) any { return sc.user.FamilyName }),
	"com.instructure.Person.name_sortable": withUser(func(sc *scene) any {
		return sc.user.SortableName
	}),
	"com.instructure.Person.pronouns": withUser(func(sc *scene) any { return text(sc.user.Pronouns) }),
	"Person.email.primary":            withUser(func(sc *scene) any { return text(sc.user.Email) }),
	"vnd.Canvas.Person.email.sis": withLogin(func(sc *scene, l *Login) any {
		if l.SISID == "" {
			return nil
		}
		return text(sc.user.Email)
	}),
	"User.image":                        withUser(func(sc *scene) any { return sc.avatar() }),
	"Person.address.timezone":           withUser(func(sc *scene) any { return sc.user.TimeZone }),
	"Canvas.user.prefersHighContrast":   withUser(func(sc *scene) any { return sc.preferences.HighContrast }),
	"Canvas.user.prefersDyslexicFont":   withUser(func(sc *scene) any { return sc.preferences.DyslexicFont }),
	"Canvas.user.isRootAccountAdmin":    withUser(func(sc *scene) any { return sc.w.isRootAdminLocked(sc.user.ID) }),
	"Canvas.user.adminableAccounts":     withUser(func(sc *scene) any { return adminableText(sc.w.adminableLocked(sc.user.ID)) }),
	"com.instructure.User.student_view": withUser(func(sc *scene) any { return sc.user.TestStudent }),
	"com.instructure.User.allRoles":     withUser(func(sc *scene) any { return strings.Join(sc.roles(), ",") }),
	"com.instructure.User.observees":    inCourseWithUser(func(sc *scene) any { return strings.Join(sc.observees(), ",") }),
	"com.instructure.User.sectionNames": inCourseWithUser(func(sc *scene) any {
		names := []string{}
		for _, s := range sc.sections() {
			names = append(names, s.Name)
		}
		return asJSON(names)
	}),
	"Canvas.masqueradingUser.id":     whileMasquerading(func(sc *scene) any { return sc.real.ID }),
	"Canvas.masqueradingUser.userId": whileMasquerading(func(sc *scene) any { return sc.real.LTIID }),

	// Authority in this context.
	"Canvas.membership.roles": withMembership(func(sc *scene) any {
		return strings.Join(sc.membershipNames(), ",")
	}),
	"com.Instructure.membership.roles": withMembership(func(sc *scene) any {
		return strings.Join(sc.membershipURNs(), ",")
	}),
	"Canvas.membership.concludedRoles":  inCourseWithUser(func(sc *scene) any { return strings.Join(sc.concludedRoles(), ",") }),
	"Canvas.enrollment.enrollmentState": inCourseWithUser(func(sc *scene) any { return sc.enrollmentState() }),

	// Accounts.
	"Canvas.account.id":               always(func(sc *scene) any { return sc.account.ID }),
	"Canvas.account.name":             always(func(sc *scene) any { return sc.account.Name }),
	"Canvas.account.sisSourceId":      always(func(sc *scene) any { return text(sc.account.SISID) }),
	"Canvas.rootAccount.id":           always(func(sc *scene) any { return sc.root.ID }),
	"Canvas.root_account.id":          always(func(sc *scene) any { return sc.root.ID }),
	"Canvas.rootAccount.sisSourceId":  always(func(sc *scene) any { return text(sc.root.SISID) }),
	"Canvas.root_account.global_id":   always(func(sc *scene) any { return sc.w.globalLocked(sc.root.ID) }),
	"vnd.Canvas.root_account.uuid":    always(func(sc *scene) any { return sc.root.UUID }),
	"ToolConsumerInstance.guid":       always(func(sc *scene) any { return sc.root.GUID }),
	"Canvas.shard.id":                 always(func(sc *scene) any { return sc.w.shard }),
	"CourseSection.sourcedId":         inCourse(func(sc *scene) any { return text(sc.course.SISID) }),
	"Canvas.course.id":                inCourse(func(sc *scene) any { return sc.course.ID }),
	"Canvas.course.name":              inCourse(func(sc *scene) any { return sc.course.Name }),
	"Canvas.course.sisSourceId":       inCourse(func(sc *scene) any { return text(sc.course.SISID) }),
	"Canvas.course.startAt":           inCourse(func(sc *scene) any { return sc.stamp(sc.course.Start) }),
	"Canvas.course.endAt":             inCourse(func(sc *scene) any { return sc.stamp(sc.course.End) }),
	"Canvas.course.workflowState":     inCourse(func(sc *scene) any { return sc.course.State }),
	"vnd.instructure.Course.uuid":     inCourse(func(sc *scene) any { return sc.course.UUID }),
	"com.instructure.contextLabel":    inCourse(func(sc *scene) any { return sc.course.Code }),
	"Canvas.term.id":                  inCourse(func(sc *scene) any { return sc.course.TermID }),
	"Canvas.term.name":                inCourse(func(sc *scene) any { return sc.w.terms.get(sc.course.TermID).Name }),
	"Canvas.term.startAt":             inCourse(func(sc *scene) any { return sc.stamp(sc.w.terms.get(sc.course.TermID).Start) }),
	"Canvas.term.endAt":               inCourse(func(sc *scene) any { return sc.stamp(sc.w.terms.get(sc.course.TermID).End) }),
	"Context.id.history":              inCourse(func(*scene) any { return "" }),
	"Canvas.course.previousCourseIds": inCourse(func(*scene) any { return "" }),
	"Canvas.course.sectionIds": inCourseWithUser(func(sc *scene) any {
		var ids []ID
		for _, s := range sc.sections() {
			ids = append(ids, s.ID)
		}
		return joinIDs(ids)
	}),
	"Canvas.course.sectionSisSourceIds": inCourseWithUser(func(sc *scene) any {
		var ids []string
		for _, s := range sc.sections() {
			if s.SISID != "" {
				ids = append(ids, s.SISID)
			}
		}
		return strings.Join(ids, ",")
	}),

	// The context. In a launch from a person's own settings Canvas expands
	// against the person, although the context claim names the root account.
	"Context.id": always(func(sc *scene) any {
		if sc.at.kind == "user" && sc.user != nil {
			return sc.user.LTI11ID
		}
		return sc.contextID()
	}),
	"Context.title": always(func(sc *scene) any {
		switch {
		case sc.at.kind == "user" && sc.user != nil:
			return sc.user.Name
		case sc.course != nil:
			return sc.course.Name
		}
		return sc.account.Name
	}),
	"Context.sourcedId": func(sc *scene) (any, bool) {
		if sc.course != nil {
			return text(sc.course.SISID), true
		}
		if sc.at.kind == "user" {
			return withLogin(sisID)(sc)
		}
		return nil, false
	},
	"com.instructure.Context.globalId": always(func(sc *scene) any {
		switch {
		case sc.course != nil:
			return sc.w.globalLocked(sc.course.ID)
		case sc.at.kind == "user" && sc.user != nil:
			return sc.w.globalLocked(sc.user.ID)
		}
		return sc.w.globalLocked(sc.account.ID)
	}),
	"com.instructure.Context.uuid": always(func(sc *scene) any {
		if sc.course != nil {
			return sc.course.UUID
		}
		return sc.account.UUID
	}),

	// Look, language and addresses.
	"Message.locale":                      always(func(sc *scene) any { return sc.locale() }),
	"com.instructure.brandConfigJSON":     always(func(sc *scene) any { return string(sc.theme().json()) }),
	"com.instructure.brandConfigJSON.url": always(func(sc *scene) any { return sc.institution + sc.theme().path() }),
	"Canvas.api.domain": always(func(sc *scene) any {
		u, err := url.Parse(sc.institution)
		if err != nil {
			return nil
		}
		return u.Host
	}),
	"Canvas.api.baseUrl": always(func(sc *scene) any { return sc.institution }),
	"Canvas.externalTool.url": always(func(sc *scene) any {
		return sc.institution + "/api/v1" + sc.at.path() + "/external_tools/" + sc.tool.id.String()
	}),
	"Canvas.externalTool.global_id":    always(func(sc *scene) any { return sc.w.globalLocked(sc.tool.id) }),
	"com.instructure.PostMessageToken": always(func(*scene) any { return randomUUID() }),
}

func sisID(_ *scene, l *Login) any { return text(l.SISID) }

func loginName(_ *scene, l *Login) any { return text(l.UniqueID) }

func asJSON(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		panic("canvastest: " + err.Error()) // lists of strings always encode
	}
	return string(out)
}
