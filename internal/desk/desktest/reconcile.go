package desktest

// Night holds the live grants against the account report, as the inventory does,
// and runs what follows. It returns how many owners were looked at.
func (r *Rig) Night() int {
	r.T.Helper()
	ctx := r.T.Context()
	f, err := r.Desk.CanvasOf(ctx, r.Tenant, "")
	if err != nil {
		r.T.Fatal(err)
	}
	rec, err := r.Tokens.NewReconciliation(ctx, r.Tenant)
	if err != nil {
		r.T.Fatal(err)
	}
	rep, err := f.StartTokenReport(ctx, f.Root())
	for err == nil && !rep.Complete() {
		rep, err = f.TokenReport(ctx, f.Root(), rep.ID)
	}
	if err == nil {
		err = f.ReadTokenReport(ctx, rep, rec.Each)
	}
	if err != nil {
		r.T.Fatal(err)
	}
	n, err := r.Tokens.FinishReconciliation(ctx, rec, "night "+r.Clock.Now().String())
	if err != nil {
		r.T.Fatal(err)
	}
	r.Drain()
	return n
}
