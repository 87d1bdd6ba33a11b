package canvastest

// state is the dump of the management port: what a test or a curious person
// wants to look at, with no secret in it.
func (s *Server) state() object {
	w := s.world
	notices := w.Notices()
	w.mu.Lock()
	defer w.mu.Unlock()
	keyOf := func(id ID) string {
		if u := w.users.get(id); u != nil {
			return u.Key
		}
		return ""
	}
	o := object{
		"banner": Banner, "era": string(w.era), "flags": w.flags.clone(), "now": w.Clock.Now(),
		"institution_url": s.InstitutionURL(), "sso_url": s.SSOURL(), "issuer": s.issuer,
	}
	var accounts, users, courses, enrollments, admins, tokens, conversations, mails []object
	for a := range w.accounts.all {
		accounts = append(accounts, object{
			"key": a.Key, "id": a.ID, "name": a.Name, "parent_id": idOrNull(a.ParentID), "context_id": a.ContextID,
		})
	}
	for u := range w.users.all {
		users = append(users, object{
			"key": u.Key, "id": u.ID, "global_id": w.globalLocked(u.ID), "name": u.Name, "lti_id": u.LTIID,
			"state": u.State, "can_sign_in": w.canSignInLocked(u), "merged_into": idOrNull(u.MergedInto),
		})
	}
	for c := range w.courses.all {
		courses = append(courses, object{
			"key": c.Key, "id": c.ID, "code": c.Code, "state": c.State, "context_id": c.ContextID,
			"account_id": c.AccountID, "term_end": w.terms.get(c.TermID).End, "end_at": c.End,
		})
	}
	for e := range w.enrollments.all {
		enrollments = append(enrollments, object{
			"user": keyOf(e.UserID), "course": w.courses.get(e.CourseID).Key, "type": e.Type,
			"role": w.roles.get(e.RoleID).Key, "state": e.State,
		})
	}
	for a := range w.admins.all {
		admins = append(admins, object{
			"user": keyOf(a.UserID), "account": w.accounts.get(a.AccountID).Key, "role": w.roles.get(a.RoleID).Key,
			"state": a.State,
		})
	}
	for t := range w.tokens.all {
		tokens = append(tokens, object{
			"id": t.ID, "user": keyOf(t.UserID), "purpose": t.Purpose, "state": t.State, "created_at": t.CreatedAt,
			"expires_at": t.ExpiresAt, "last_used_at": t.LastUsedAt, "app_name": t.AppName, "usable": w.usableLocked(t),
		})
	}
	for v := range w.conversations.all {
		for _, m := range v.messages {
			to := []any{}
			for _, p := range v.people {
				if p != m.authorID {
					to = append(to, keyOf(p))
				}
			}
			conversations = append(conversations, object{
				"id": v.id, "from": keyOf(m.authorID), "to": to, "subject": v.subject, "body": m.body, "at": m.at,
			})
		}
	}
	for _, n := range notices {
		mails = append(mails, object{"kind": n.Kind, "user": keyOf(n.UserID), "token": n.TokenID, "at": n.At})
	}
	o["accounts"], o["users"], o["courses"], o["enrollments"] = accounts, users, courses, enrollments
	o["admins"], o["tokens"], o["messages"], o["notices"] = admins, tokens, conversations, mails
	return o
}
