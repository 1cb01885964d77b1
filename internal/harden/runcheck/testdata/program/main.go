// Command program is run in a container by the test of run-check: it does what its
// first argument says.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	mode := ""
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	switch mode {
	case "write": // what an application does that keeps a profile beside itself
		if err := os.Mkdir("profiles", 0o755); err != nil {
			fmt.Fprintln(os.Stderr, "mkdir 'profiles':", err)
			os.Exit(1)
		}
	case "ignore":
		signal.Ignore(syscall.SIGTERM)
		time.Sleep(time.Hour)
	case "child":
		os.Exit(0)
	case "zombie":
		cmd := exec.Command("/program", "child")
		if err := cmd.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		time.Sleep(time.Hour) // never waits
	}
	if err := os.WriteFile("/tmp/alive", []byte("x"), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	<-c
}
