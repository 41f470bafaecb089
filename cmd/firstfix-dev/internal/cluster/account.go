package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// systemHome is where a cluster lives when the stack's own directory cannot be
// reached by the unprivileged user, such as a checkout under /root.
const systemHome = "/var/lib/firstfix-dev"

// account is the user that runs the server. PostgreSQL refuses root, so a
// stack that is started by root lends the server another identity.
type account struct {
	name       string
	credential *syscall.Credential // nil: run as ourselves
}

// serverAccount picks Debian's postgres user, or nobody, where we are root.
func serverAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(found.Uid, 10, 32)
		if err != nil {
			return account{}, fmt.Errorf("user %s has no numeric id: %w", name, err)
		}
		gid, err := strconv.ParseUint(found.Gid, 10, 32)
		if err != nil {
			return account{}, fmt.Errorf("group of user %s has no numeric id: %w", name, err)
		}
		return account{name: name, credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return account{}, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
}

// apply makes cmd run as the account. It starts in /, since the caller's
// working directory may be closed to the account.
func (a account) apply(cmd *exec.Cmd) *exec.Cmd {
	cmd.Dir = "/"
	if a.credential != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential}
	}
	return cmd
}

// own gives path to the account.
func (a account) own(path string) error {
	if a.credential == nil {
		return nil
	}
	return os.Chown(path, int(a.credential.Uid), int(a.credential.Gid))
}

// canReach asks the operating system whether the account may enter dir.
func (a account) canReach(dir string) bool {
	return a.credential == nil || a.apply(exec.Command("test", "-x", dir)).Run() == nil
}

// home makes and returns the directory of the cluster: dir/postgres, or one
// under systemHome with dir/postgres leading to it by a symbolic link.
func (a account) home(dir string) (string, error) {
	own := filepath.Join(dir, "postgres")
	if target, err := filepath.EvalSymlinks(own); err == nil {
		return target, a.own(target)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("look for the cluster's directory: %w", err)
	}
	home := own
	if !a.canReach(dir) {
		home = remoteHome(dir)
		if err := os.MkdirAll(systemHome, 0o755); err != nil {
			return "", fmt.Errorf("make a place that user %s can reach: %w", a.name, err)
		}
		// A link to a place that was cleaned away would otherwise be in the way.
		if err := os.Remove(own); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if err := os.Symlink(home, own); err != nil {
			return "", fmt.Errorf("link the cluster into %s: %w", dir, err)
		}
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return "", fmt.Errorf("make the cluster's directory: %w", err)
	}
	if err := a.own(home); err != nil {
		return "", fmt.Errorf("give the cluster's directory to user %s: %w", a.name, err)
	}
	return home, nil
}

// remoteHome is dir's place under systemHome, named by a hash of dir's path.
func remoteHome(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(systemHome, hex.EncodeToString(sum[:6]))
}
