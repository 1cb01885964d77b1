package runcheck

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
)

// maxProcesses bounds how many processes of the machine are looked at.
const maxProcesses = 100_000

// process reads the status of the container's first process: from the machine's /proc
// when that is at hand, from inside with cat when the image has one.
func (e *engine) process(ctx context.Context, id string, pid int, proc fs.FS) (*Status, int) {
	if s := see(proc, pid); s != nil {
		return s, zombies(proc, pid)
	}
	if data := e.exec(ctx, id, "cat", "/proc/1/status"); data != nil {
		return parseStatus(fields(string(data))), -1
	}
	return nil, -1
}

// see reads the status of a process from the machine's /proc; nil when that is not at
// hand, or the process is no container's first, or is still the runtime on its way to
// start the program.
func see(proc fs.FS, pid int) *Status {
	if proc == nil || pid <= 0 {
		return nil
	}
	name := strconv.Itoa(pid)
	f := readFields(proc, name+"/status")
	if !isFirst(f) || strings.HasPrefix(f["Name"], "runc:[") {
		return nil
	}
	s := parseStatus(f)
	if s != nil {
		s.UID, s.GID = inside(proc, name+"/uid_map", s.UID), inside(proc, name+"/gid_map", s.GID)
	}
	return s
}

// inside translates an id as it is seen here into what it is in the process's user
// namespace (user_namespaces(7), "uid_map"): root of a rootless container is somebody
// else outside. Without such a map it stays as it is.
func inside(proc fs.FS, name string, id int) int {
	for line := range strings.Lines(readText(proc, name)) {
		var from, to, n int
		if k, err := fmt.Sscan(line, &from, &to, &n); k == 3 && err == nil && id >= to && id-to < n {
			return from + id - to
		}
	}
	return id
}

// isFirst says whether a process is the first one of a PID namespace within another.
// The engine may run in a virtual machine or on another side of such a namespace: then
// its number is that of some other process here.
func isFirst(status map[string]string) bool {
	ids := strings.Fields(status["NSpid"])
	return len(ids) > 1 && ids[len(ids)-1] == "1"
}

// readText reads the start of a file of /proc, whose sizes say nothing.
func readText(proc fs.FS, name string) string {
	f, err := proc.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	buf := make([]byte, 16<<10)
	n := 0
	for n < len(buf) {
		k, err := f.Read(buf[n:])
		n += k
		if err != nil {
			break
		}
	}
	return string(buf[:n])
}

func readFields(proc fs.FS, name string) map[string]string { return fields(readText(proc, name)) }

func fields(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(line, ":"); ok && len(out) < 200 {
			out[k] = strings.TrimSpace(v)
		}
	}
	return out
}

// parseStatus takes the effective ids: the second of real, effective, saved, file
// system (proc(5)). It returns nil when the text is no status.
func parseStatus(f map[string]string) *Status {
	uid, ok1 := column(f["Uid"], 1)
	gid, ok2 := column(f["Gid"], 1)
	if !ok1 || !ok2 {
		return nil
	}
	s := &Status{UID: uid, GID: gid, CapEff: f["CapEff"], CapPrm: f["CapPrm"], CapBnd: f["CapBnd"], NoNewPrivs: -1, Seccomp: -1}
	if n, ok := column(f["NoNewPrivs"], 0); ok {
		s.NoNewPrivs = n
	}
	if n, ok := column(f["Seccomp"], 0); ok {
		s.Seccomp = n
	}
	return s
}

func column(s string, i int) (int, bool) {
	f := strings.Fields(s)
	if i >= len(f) {
		return 0, false
	}
	n, err := strconv.Atoi(f[i])
	return n, err == nil
}

// zombies counts dead children of pid; -1 when the table cannot be read.
func zombies(proc fs.FS, pid int) int {
	entries, err := fs.ReadDir(proc, ".")
	if err != nil {
		return -1
	}
	n := 0
	for i, e := range entries {
		if i >= maxProcesses {
			return -1
		}
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		s := readFields(proc, e.Name()+"/status")
		if strings.HasPrefix(s["State"], "Z") && s["PPid"] == strconv.Itoa(pid) {
			n++
		}
	}
	return n
}

// exec runs a program of the image in the container and returns its output, or nil.
func (e *engine) exec(ctx context.Context, id string, argv ...string) []byte {
	data, err := e.do(ctx, http.MethodPost, "/containers/"+id+"/exec", nil, map[string]any{"Cmd": argv, "AttachStdout": true})
	if err != nil {
		return nil
	}
	var out struct{ Id string } //nolint:revive // the engine's own spelling
	if json.Unmarshal(data, &out) != nil || out.Id == "" {
		return nil
	}
	data, err = e.do(ctx, http.MethodPost, "/exec/"+out.Id+"/start", nil, map[string]any{"Detach": false, "Tty": false})
	if err != nil {
		return nil
	}
	return demultiplex(data)
}
