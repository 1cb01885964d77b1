package report_test

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"time"

	"github.com/imagegate/imagegate/internal/report"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func ptr[T any](v T) *T { return &v }

// filled returns a report in which every field is set and every list has several
// rows that differ, by reflection, so that a new field is covered without a change
// here.
func filled() *report.Report {
	r := &report.Report{}
	n := 0
	fill(reflect.ValueOf(r).Elem(), &n)
	r.SchemaVersion = report.SchemaVersion
	// Values out of an enumeration would not be a report.
	for i := range r.Platforms {
		r.Platforms[i].Result = report.Pass
	}
	for i := range r.Stages {
		r.Stages[i].State = report.Done
	}
	for i := range r.SBOM.Drift.Items {
		r.SBOM.Drift.Items[i].Kind = "version"
	}
	for i := range r.Discovery {
		r.Discovery[i].State = report.ProbeNone
	}
	for i := range r.Attestations {
		r.Attestations[i].State = report.Verified
	}
	r.Database.State = report.Done
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		v.Severity, v.Fix.State, v.Decision.Status = report.High, report.FixFixed, report.Open
		v.Decision.Statement.Trust = report.TrustVerified
		v.Decision.NearMiss.Statement.Trust = report.TrustNamed
		v.Decision.Objection.Trust = report.TrustUnverified
		v.EPSS.Score, v.EPSS.Percentile = 0.5, 0.9
	}
	for i := range r.VEX.Documents {
		r.VEX.Documents[i].State, r.VEX.Documents[i].Trust = "used", report.TrustVerified
	}
	for i := range r.Checks {
		r.Checks[i].State, r.Checks[i].Severity = report.CheckFailed, report.Low
	}
	for i := range r.Observations {
		r.Observations[i].Kind = report.Unread
	}
	r.Verdict.Result = report.Warn
	for i := range r.Verdict.Rules {
		r.Verdict.Rules[i].Result = report.Pass
	}
	return r
}

func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(at("2026-11-23T10:00:00.123456789+02:00").Add(time.Duration(*n) * time.Second)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range 3 {
			fill(v.Index(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"b": "2", "a": "1"}))
	case reflect.String:
		v.SetString("s" + strings.Repeat("x", *n%3) + string(rune('a'+*n%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n%10) + 0.5)
	default:
		panic("no rule to fill " + v.Kind().String())
	}
}

// ordered are the lists whose order means something and is therefore kept.
var ordered = map[string]bool{
	"Layers": true, "IDLike": true, "Compliance": true, "Require": true,
	"Reasons": true, "Rules": true, "References": true,
}

// shuffle puts every list of v that has no order of its own into a random one.
func shuffle(v reflect.Value, rnd *rand.Rand) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			if ordered[v.Type().Field(i).Name] {
				continue
			}
			shuffle(v.Field(i), rnd)
		}
	case reflect.Slice:
		for i := range v.Len() {
			shuffle(v.Index(i), rnd)
		}
		rnd.Shuffle(v.Len(), reflect.Swapper(v.Interface()))
	case reflect.Pointer:
		if !v.IsNil() {
			shuffle(v.Elem(), rnd)
		}
	}
}
