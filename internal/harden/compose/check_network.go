package compose

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// portText names a published port as in the short form.
func portText(p types.ServicePortConfig) string {
	return p.Published + ":" + strconv.FormatUint(uint64(p.Target), 10)
}

func isLoopback(ip string) bool {
	a, err := netip.ParseAddr(strings.Trim(ip, "[]"))
	return err == nil && a.IsLoopback()
}

var loopback = &rule{
	Check: check.Check{
		ID: "HIG-C012", Title: "Ports are published on one address, loopback unless public", Kind: check.Compose, Severity: report.Medium,
		Why:        "A port without an address is open on every interface of the host, past most firewalls, since Docker writes its rules before theirs.",
		Remedy:     "Write the address: ports: [\"127.0.0.1:8080:8080\"]; for what is public, the public address.",
		References: check.References{CIS: []string{"5.14"}, NIST: []string{"4.4.2"}, OWASP: []string{"5"}},
		Bad:        "services:\n  web:\n    image: dhi.io/nginx:1.29\n    ports: [\"8080:8080\"]\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    ports: [\"127.0.0.1:8080:8080\"]\n",
	},
	keys: []string{"ports"},
	any:  true,
	each: func(p *pass, s *Service) bool {
		for _, port := range s.Ports {
			a, err := netip.ParseAddr(strings.Trim(port.HostIP, "[]"))
			switch {
			case port.HostIP == "" || err == nil && a.IsUnspecified():
				target := strconv.FormatUint(uint64(port.Target), 10)
				p.Failf(s.fix("\"127.0.0.1:"+or(port.Published, target)+":"+target+"\"", "ports", or(port.Published, target)), "%s publishes %s on every interface", quoted(s), check.Quote(portText(port)))
			case err != nil:
				p.Undecidedf(s.at("ports", port.Published), "%s publishes on %s, which is no address", quoted(s), check.Quote(port.HostIP))
			}
		}
		return len(s.Ports) > 0
	},
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// backend are ports of data stores, brokers and administration: their clients are
// other services, which reach them without a published port.
var backend = map[uint32]string{
	5432: "PostgreSQL", 3306: "MySQL", 33060: "MySQL X", 1433: "SQL Server", 1521: "Oracle", 27017: "MongoDB", 6379: "Redis", 11211: "Memcached",
	9200: "Elasticsearch", 9300: "Elasticsearch", 9042: "Cassandra", 7000: "Cassandra", 2379: "etcd", 2380: "etcd", 2181: "ZooKeeper", 9092: "Kafka",
	5672: "RabbitMQ", 4222: "NATS", 8086: "InfluxDB", 7687: "Neo4j", 26257: "CockroachDB", 2375: "the Docker engine", 2376: "the Docker engine",
	22: "SSH", 23: "Telnet", 9229: "the Node.js debugger", 5005: "the Java debugger",
}

var unneededPorts = &rule{
	Check: check.Check{
		ID: "HIG-C013", Title: "Data stores and debuggers are not published", Kind: check.Compose, Severity: report.Medium,
		Why:        "Services of one project reach each other by name; a published port of a database only adds everybody else.",
		Remedy:     "Remove the port; for work on the host publish it on 127.0.0.1.",
		References: check.References{CIS: []string{"5.7", "5.9"}, NIST: []string{"4.4.2"}, OWASP: []string{"5"}},
		Bad:        "services:\n  db:\n    image: dhi.io/postgres:18\n    ports: [\"5432:5432\"]\n",
		Good:       "services:\n  db:\n    image: dhi.io/postgres:18\n    expose: [\"5432\"]\n  web:\n    image: dhi.io/nginx:1.29\n    ports: [\"127.0.0.1:8080:8080\"]\n",
	},
	keys: []string{"ports"},
	any:  true,
	each: func(p *pass, s *Service) bool {
		for _, port := range s.Ports {
			if what := backend[port.Target]; what != "" && !isLoopback(port.HostIP) {
				p.Failf(s.at("ports", or(port.Published, strconv.FormatUint(uint64(port.Target), 10))), "%s publishes %s, the port of %s", quoted(s), check.Quote(portText(port)), what)
			}
		}
		return len(s.Ports) > 0
	},
}

// isolated asks that not everything talks to everything: services that publish ports
// and services that hold data are not on one network of all.
var isolated = &rule{
	Check: check.Check{
		ID: "HIG-C021", Title: "Services are on networks of their own", Kind: check.Compose, Severity: report.Low,
		Why:        "On the default network every service reaches every other: one that falls opens the way to all.",
		Remedy:     "Give each pair that has to talk a network, and make those that need no way out internal: true.",
		References: check.References{CIS: []string{"5.30"}, NIST: []string{"4.3.3", "4.4.2"}, OWASP: []string{"5"}},
		Bad:        "services:\n  web:\n    image: dhi.io/nginx:1.29\n  db:\n    image: dhi.io/postgres:18\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    networks: [front, back]\n  db:\n    image: dhi.io/postgres:18\n    networks: [back]\nnetworks:\n  front:\n  back:\n    internal: true\n",
	},
	project: func(p *pass) {
		if len(p.p.Services) < 2 {
			p.NotApplicablef("there is only one service")
			return
		}
		var open []string
		for _, s := range p.p.Services {
			if s.NetworkMode == "bridge" {
				p.Failf(s.at("network_mode"), "%s is on the engine's default bridge", quoted(s))
			}
			if _, ok := s.Networks["default"]; ok && len(s.Networks) == 1 && s.NetworkMode == "" {
				open = append(open, s.Name)
			}
		}
		if len(open) > 1 {
			file, line := p.p.locate(open[0])
			p.Failf(check.At{Location: file, Line: line}, "%s share the default network", list(open))
		}
		p.Passf("no two services meet on the default network")
	},
}

var memoryLimit = &rule{
	Check: check.Check{
		ID: "HIG-C014", Title: "Memory and CPU are limited", Kind: check.Compose, Severity: report.Low,
		Why:        "A leak or an attack on one service takes the memory and the processors of all others on the host.",
		Remedy:     "Add deploy: {resources: {limits: {memory: 512M, cpus: \"1\"}}}, or mem_limit and cpus.",
		References: check.References{CIS: []string{"5.11", "5.12"}, NIST: []string{"4.4.3"}, OWASP: []string{"7"}, Aliases: []string{"CKV_K8S_11", "CKV_K8S_13"}},
		Bad:        "services:\n  web:\n    image: dhi.io/nginx:1.29\n    mem_limit: 256m\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    mem_limit: 256m\n    cpus: 0.5\n",
	},
	each: func(p *pass, s *Service) bool {
		l := s.limits()
		var missing []string
		limit := func(set bool, name string, keys ...string) {
			if values := s.open(keys...); len(values) > 0 {
				p.Undecidedf(values[0].at, "%s: its limit of %s is not known: %s", quoted(s), name, values[0].missing())
			} else if !set {
				missing = append(missing, name)
			}
		}
		limit(s.MemLimit > 0 || l != nil && l.MemoryBytes > 0, "memory", "mem_limit", "deploy.resources.limits.memory")
		limit(s.CPUS > 0 || s.CPUQuota > 0 || s.CPUShares > 0 || s.CPUCount > 0 || s.CPUPercent > 0 || s.CPUSet != "" || l != nil && l.NanoCPUs > 0, "CPU",
			"cpus", "cpu_quota", "cpu_shares", "cpu_count", "cpu_percent", "cpuset", "deploy.resources.limits.cpus")
		if len(missing) > 0 {
			p.Failf(s.at("deploy", "resources", "limits"), "%s has no limit of %s", quoted(s), strings.Join(missing, " and "))
		}
		return true
	},
}

// job reports whether another service waits for this one to end: it is no server then,
// and nothing has to watch it or start it again.
func (s *Service) job() bool { return s.project.jobs[s.Name] }

func (s *Service) limits() *types.Resource {
	if s.Deploy == nil {
		return nil
	}
	return s.Deploy.Resources.Limits
}

var pidsLimit = &rule{
	Check: check.Check{
		ID: "HIG-C015", Title: "The number of processes is limited", Kind: check.Compose, Severity: report.Low,
		Why:        "A fork bomb in one container stops the whole host.",
		Remedy:     "Add pids_limit: 200, or deploy: {resources: {limits: {pids: 200}}}.",
		References: check.References{CIS: []string{"5.29"}, NIST: []string{"4.4.3"}, OWASP: []string{"7"}},
		Bad:        "services:\n  web:\n    image: dhi.io/nginx:1.29\n    pids_limit: -1\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    pids_limit: 200\n",
	},
	keys: []string{"pids_limit", "deploy.resources.limits.pids"},
	each: func(p *pass, s *Service) bool {
		n := s.PidsLimit
		if l := s.limits(); n == 0 && l != nil {
			n = l.Pids
		}
		if n <= 0 {
			p.Failf(s.fix("pids_limit: 200", "pids_limit"), "%s may start any number of processes", quoted(s))
		}
		return true
	},
}

var healthcheck = &rule{
	Check: check.Check{
		ID: "HIG-C016", Title: "Services set a health check", Kind: check.Compose, Severity: report.Low,
		Why:        "Without one a hung service looks like a running one, and depends_on waits for nothing.",
		Remedy:     "Add healthcheck: {test: [\"CMD\", …]} with a program that is in the image, or put HEALTHCHECK into it and silence this.",
		References: check.References{CIS: []string{"4.6", "5.27"}, NIST: []string{"4.4.3"}, Aliases: []string{"CIS-DI-0006", "CKV_K8S_8"}},
		Bad:        "services:\n  web:\n    image: dhi.io/nginx:1.29\n    healthcheck:\n      disable: true\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    healthcheck:\n      test: [\"CMD\", \"/health\"]\n",
	},
	keys: []string{"healthcheck"},
	each: func(p *pass, s *Service) bool {
		h := s.HealthCheck
		switch {
		case h == nil && s.job():
			return false
		case h == nil:
			p.Failf(s.at("healthcheck"), "%s sets no health check", quoted(s))
		case h.Disable, len(h.Test) > 0 && h.Test[0] == "NONE", len(h.Test) == 2 && h.Test[1] == "NONE":
			p.Failf(s.at("healthcheck"), "%s switches its health check off", quoted(s))
		case len(h.Test) == 0:
			p.Undecidedf(s.at("healthcheck"), "%s changes the times of a health check that only its image may have", quoted(s))
		}
		return true
	},
}

var restart = &rule{
	Check: check.Check{
		ID: "HIG-C017", Title: "A restart policy is set", Kind: check.Compose, Severity: report.Low,
		Why:        "Without one a crash is an outage until somebody notices; with always, a service that crashes at once does so for ever.",
		Remedy:     "Add restart: unless-stopped, or restart: on-failure:5.",
		References: check.References{CIS: []string{"5.15"}, NIST: []string{"4.4.3"}, OWASP: []string{"7"}},
		Bad:        "services:\n  web:\n    image: dhi.io/nginx:1.29\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    restart: on-failure:5\n",
	},
	keys: []string{"restart"},
	each: func(p *pass, s *Service) bool {
		if s.Restart == "" && (s.Deploy == nil || s.Deploy.RestartPolicy == nil) {
			if s.job() {
				return false
			}
			p.Failf(s.fix("restart: on-failure:5", "restart"), "%s has no restart policy", quoted(s))
		}
		return true
	},
}

// endless reports whether a driver that writes files does so without end: json-file by
// default, and both when told so.
func endless(size, driver string) bool {
	return size == "" && driver != "local" || size == "-1" || strings.Trim(size, "0") == "" && size != ""
}

var logging = &rule{
	Check: check.Check{
		ID: "HIG-C022", Title: "Logs are kept and bounded", Kind: check.Compose, Severity: report.Low,
		Why:        "The default driver writes without end and fills the disk; the driver none loses what an investigation needs.",
		Remedy:     "Add logging: {driver: local, options: {max-size: 10m, max-file: \"3\"}}.",
		References: check.References{NIST: []string{"4.4.3"}, OWASP: []string{"7", "10"}},
		Bad:        "services:\n  web:\n    image: dhi.io/nginx:1.29\n    logging:\n      driver: json-file\n",
		Good:       "services:\n  web:\n    image: dhi.io/nginx:1.29\n    logging:\n      driver: json-file\n      options:\n        max-size: 10m\n        max-file: \"3\"\n",
	},
	keys: []string{"logging"},
	each: func(p *pass, s *Service) bool {
		l := s.Logging
		switch {
		case l == nil:
			p.Failf(s.at("logging"), "the logs of %s are not bounded", quoted(s))
		case l.Driver == "none":
			p.Failf(s.at("logging", "driver"), "the logs of %s are thrown away", quoted(s))
		case (l.Driver == "" || l.Driver == "json-file" || l.Driver == "local") && endless(l.Options["max-size"], l.Driver):
			p.Failf(s.at("logging"), "the logs of %s are not bounded", quoted(s))
		}
		return true
	},
}
