package runcheck

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Suggestion is how to run the image hardened, ready to paste.
type Suggestion struct {
	// DockerRun is one command line, Compose the options of a service, Kubernetes the
	// security context of a container with its volumes.
	DockerRun, Compose, Kubernetes string
}

// Suggest writes what the observation asks for: a tmpfs for every directory that the
// container wrote or wanted to write.
func Suggest(o *Observation) Suggestion {
	mounts := slices.Clone(o.Tmpfs)
	for _, p := range slices.Concat(o.Denied, o.Changed) {
		mounts = append(mounts, directory(p))
	}
	mounts = prune(mounts)
	return Suggestion{DockerRun: dockerRun(o, mounts), Compose: composeService(o, mounts), Kubernetes: kubernetes(o, mounts)}
}

// directory is where a tmpfs has to be for p to be written: p itself when it was to be
// a directory as far as its name says, its parent otherwise. The root is never it.
func directory(p string) string {
	if path.Ext(p) == "" || path.Dir(p) == "/" {
		return p
	}
	return path.Dir(p)
}

// prune sorts and drops what is inside of another.
func prune(dirs []string) []string {
	slices.Sort(dirs)
	var out []string
	for _, d := range dirs {
		if len(out) > 0 && (d == out[len(out)-1] || strings.HasPrefix(d, out[len(out)-1]+"/")) {
			continue
		}
		out = append(out, d)
	}
	return out
}

func ids(user string) (uid, gid string) {
	uid, gid, ok := strings.Cut(user, ":")
	if !ok {
		gid = uid
	}
	return uid, gid
}

// word quotes a shell word when it needs it.
func word(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._:=,@%+-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func dockerRun(o *Observation, mounts []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "docker run --read-only --cap-drop=ALL --security-opt=no-new-privileges --user %s", word(o.User))
	for _, m := range mounts {
		fmt.Fprintf(&b, " \\\n  --tmpfs %s", word(m+":"+o.tmpfsOptions()))
	}
	fmt.Fprintf(&b, " \\\n  --memory=%dm --pids-limit=%d", max(o.Memory>>20, 1), o.PIDs)
	if o.Network == "none" {
		b.WriteString(" --network=none")
	}
	command := o.Cmd
	if len(o.Entrypoint) > 0 { // docker run takes one word; the rest goes before the command
		fmt.Fprintf(&b, " \\\n  --entrypoint %s", word(o.Entrypoint[0]))
		command = slices.Concat(o.Entrypoint[1:], o.Cmd)
	}
	fmt.Fprintf(&b, " \\\n  %s", word(o.Image))
	for _, w := range command {
		b.WriteString(" " + word(w))
	}
	return b.String() + "\n"
}

func composeService(o *Observation, mounts []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "    image: %q\n", o.Image)
	list(&b, "    entrypoint", o.Entrypoint, "$")
	list(&b, "    command", o.Cmd, "$")
	fmt.Fprintf(&b, "    user: %q\n    read_only: true\n    cap_drop: [ALL]\n    security_opt: [\"no-new-privileges:true\"]\n", o.User)
	if len(mounts) > 0 {
		b.WriteString("    tmpfs:\n")
		for _, m := range mounts {
			fmt.Fprintf(&b, "      - %q\n", m+":"+o.tmpfsOptions())
		}
	}
	fmt.Fprintf(&b, "    mem_limit: %dm\n    pids_limit: %d\n", max(o.Memory>>20, 1), o.PIDs)
	if o.Network == "none" {
		b.WriteString("    network_mode: none\n")
	}
	return b.String()
}

// list writes a list of words, which YAML takes in the form of JSON; none writes
// nothing. Where variable is what starts a variable there, another dollar escapes it.
func list(b *strings.Builder, key string, words []string, variable string) {
	if len(words) == 0 {
		return
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(strings.ReplaceAll(w, variable, "$"+variable))
	}
	fmt.Fprintf(b, "%s: [%s]\n", key, strings.Join(quoted, ", "))
}

// tmpfsOptions are those of every tmpfs that is suggested.
func (o *Observation) tmpfsOptions() string {
	size := o.TmpfsSize
	if size == "" {
		size = "64m"
	}
	return "noexec,nosuid,size=" + size
}

func kubernetes(o *Observation, mounts []string) string {
	uid, gid := ids(o.User)
	var b strings.Builder
	fmt.Fprintf(&b, "containers:\n  - name: app\n    image: %q\n", o.Image)
	list(&b, "    command", o.Entrypoint, "$(")
	list(&b, "    args", o.Cmd, "$(")
	b.WriteString("    securityContext:\n")
	if strings.Trim(uid+gid, "0123456789") == "" && uid != "" {
		fmt.Fprintf(&b, "      runAsUser: %s\n      runAsGroup: %s\n", uid, gid)
	}
	b.WriteString("      runAsNonRoot: true\n      readOnlyRootFilesystem: true\n      allowPrivilegeEscalation: false\n      capabilities:\n        drop: [ALL]\n      seccompProfile:\n        type: RuntimeDefault\n")
	fmt.Fprintf(&b, "    resources:\n      limits:\n        memory: %dMi\n", max(o.Memory>>20, 1))
	if len(mounts)+len(o.Volumes) == 0 {
		return b.String()
	}
	b.WriteString("    volumeMounts:\n")
	for i, m := range mounts {
		fmt.Fprintf(&b, "      - name: tmp-%d\n        mountPath: %q\n", i, m)
	}
	for i, v := range o.Volumes { // Kubernetes mounts none by itself
		fmt.Fprintf(&b, "      - name: volume-%d\n        mountPath: %q\n", i, v)
	}
	b.WriteString("volumes:\n")
	size := kubernetesSize(o.TmpfsSize)
	for i := range mounts {
		fmt.Fprintf(&b, "  - name: tmp-%d\n    emptyDir:\n      medium: Memory\n      sizeLimit: %s\n", i, size)
	}
	for i := range o.Volumes {
		fmt.Fprintf(&b, "  - name: volume-%d\n    emptyDir: {}\n", i)
	}
	return b.String()
}

// kubernetesSize turns a size of mount(8) into a quantity; what is none there becomes
// the default.
func kubernetesSize(size string) string {
	n := strings.TrimRight(size, "kKmMgG")
	if n == "" || strings.Trim(n, "0123456789") != "" {
		return "64Mi"
	}
	if unit := strings.ToUpper(size[len(n):]); unit == "K" {
		return n + "Ki"
	} else if unit != "" {
		return n + unit + "i"
	}
	return n
}
