package render

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/imagegate/imagegate/internal/report"
)

// maxTags is how many tags GitHub takes for one rule; more reject the file.
const maxTags = 20

// findingRule is the rule <id>/<type>/<package>: an alert is about one vulnerability
// in one package, whatever its version.
func findingRule(r *report.Report, v report.Vulnerability) sarifRule {
	title := fmt.Sprintf("%s in %s (%s)", v.ID, v.Package.Name, v.Package.Type)
	full := v.Description
	if full == "" {
		full = title
	}
	help := sarifHelpURI(v)
	md := fmt.Sprintf("**%s** in %s\n\n%s%s\n%s", word(v.ID), code(v.Package.Name),
		header("Severity", "Type", "Fixed in", "Known exploited"),
		row(word(string(v.Severity)), word(v.Package.Type), orDash(word(fixText(v.Fix))), yesNo(v.KEV)), sentence(full))
	return sarifRule{
		ID:               ruleID(v.ID, v.Package.Type, v.Package.Name),
		Name:             "VulnerablePackage",
		ShortDescription: sarifText{Text: sarifMessage(title)},
		FullDescription:  sarifText{Text: sarifMessage(full)},
		Help:             sarifText{Text: sarifMessage(full + " More: " + help), Markdown: md},
		HelpURI:          help,
		Default:          sarifConfiguration{Level: findingLevel(r, v)},
		Properties: sarifRuleProperties{
			Tags:             tags("security", "vulnerability", string(v.Severity), v.Package.Type),
			Precision:        precision(v.Match),
			SecuritySeverity: securitySeverity(v),
		},
	}
}

// checkRule is the rule of a hardening check, with an id that begins with HIG-.
func checkRule(r *report.Report, c report.Check) sarifRule {
	id := clean(c.ID)
	if !strings.HasPrefix(id, "HIG-") {
		id = "HIG-" + id
	}
	help := homepage + "/blob/main/docs/checks.md#" + strings.ToLower(strings.Map(anchorRune, id))
	title := c.Title
	if clean(title) == "" {
		title = id
	}
	text := title
	if c.Remedy != "" {
		text += ". " + c.Remedy
	}
	all := []string{"security", "hardening", string(c.Severity)}
	all = append(all, c.References...)
	var severity string
	if n := severityScore(c.Severity); n > 0 {
		severity = strconv.FormatFloat(n, 'f', 1, 64)
	}
	return sarifRule{
		ID:               cut(id, maxWord),
		Name:             "HardeningCheck",
		ShortDescription: sarifText{Text: sarifMessage(title)},
		FullDescription:  sarifText{Text: sarifMessage(text)},
		Help:             sarifText{Text: sarifMessage(text), Markdown: sentence(text)},
		HelpURI:          help,
		Default:          sarifConfiguration{Level: checkLevel(r, c)},
		Properties:       sarifRuleProperties{Tags: tags(all...), Precision: "very-high", SecuritySeverity: severity},
	}
}

func anchorRune(c rune) rune {
	if c == '/' || c == '.' || safePathRune(c) != c {
		return '-'
	}
	return c
}

// ruleID joins the parts. One that is too long for a rule keeps its beginning and is
// told apart by a hash.
func ruleID(parts ...string) string {
	id := clean(strings.Join(parts, "/"))
	if len(id) <= maxWord {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return strings.TrimSuffix(cut(id, maxWord-17), mark) + "-" + hex.EncodeToString(sum[:8])
}

// tags cleans tags and keeps the first ones that GitHub takes.
func tags(all ...string) []string {
	var out []string
	for _, t := range all {
		t = cut(clean(t), maxWord)
		if t != "" && !slices.Contains(out, t) && len(out) < maxTags {
			out = append(out, t)
		}
	}
	return out
}

// sarifHelpURI is where the vulnerability is described, and the program's page when
// nobody says. Only plain https addresses are taken from the report.
func sarifHelpURI(v report.Vulnerability) string {
	if u := advisoryURL(v.ID); u != "" {
		return u
	}
	for _, s := range append([]string{v.URL}, v.URLs...) {
		u, err := url.Parse(s)
		if err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && clean(s) == s && len(s) <= maxSentence &&
			!strings.ContainsFunc(s, notInIRI) {
			return u.String()
		}
	}
	return homepage
}

// securitySeverity is the CVSS score in a string. The scores of the primary sources
// count, and without them any; the highest wins. Without scores it follows the
// severity; an unknown one has none. Zero is left out: GitHub does not show it as low.
func securitySeverity(v report.Vulnerability) string {
	var primary, other float64
	for _, c := range v.CVSS {
		if !(c.Score > 0 && c.Score <= 10) { // NaN too
			continue
		}
		if strings.EqualFold(c.Type, "primary") {
			primary = max(primary, c.Score)
		} else {
			other = max(other, c.Score)
		}
	}
	for _, n := range []float64{primary, other, severityScore(v.Severity)} {
		if s := strconv.FormatFloat(n, 'f', 1, 64); s != "0.0" {
			return s
		}
	}
	return ""
}

// severityScore lies within the range that GitHub shows under the severity's name.
func severityScore(s report.Severity) float64 {
	switch s {
	case report.Critical:
		return 9.5
	case report.High:
		return 8
	case report.Medium:
		return 5.5
	case report.Low:
		return 2
	case report.Negligible:
		return 1
	case report.Unknown:
	}
	return 0
}

func score(s string) float64 {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0
	}
	return n
}

// precision says how sure a match is: a CPE is matched by its name alone.
func precision(match string) string {
	switch {
	case strings.HasPrefix(match, "exact-direct"):
		return "very-high"
	case strings.HasPrefix(match, "exact"):
		return "high"
	case strings.HasPrefix(match, "cpe"):
		return "medium"
	}
	return ""
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

var semverPattern = regexp.MustCompile(`^v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)$`)

// semantic is version when it is a semantic version (without the v), else "".
func semantic(version string) string {
	if m := semverPattern.FindStringSubmatch(version); m != nil {
		return m[1]
	}
	return ""
}

// driverVersion begins with a number where it can, so that versions can be compared.
func driverVersion(version string) string {
	if v := semantic(version); v != "" {
		return v
	}
	return clean(version)
}
