// Package oscause says in Chinese what an operating system found wrong: both programs tell people in their language.
package oscause

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

// words are the mistakes that people meet. The rest stays as the system says it.
var words = map[syscall.Errno]string{
	syscall.ENOENT: "没有这个文件或文件夹", syscall.EACCES: "没有权限", syscall.EPERM: "没有权限", syscall.EISDIR: "它是文件夹", syscall.ENOTDIR: "路径中有一段不是文件夹",
	syscall.ENOSPC: "磁盘已满", syscall.EDQUOT: "磁盘配额已用完", syscall.EROFS: "磁盘只读", syscall.EEXIST: "已经存在", syscall.EIO: "磁盘读写出错",
	syscall.ENAMETOOLONG: "名字太长", syscall.EMFILE: "打开的文件太多", syscall.EADDRINUSE: "端口已被占用", syscall.EADDRNOTAVAIL: "本机没有这个地址",
	syscall.ECONNREFUSED: "对方没有在监听",
}

// Chinese says an error. What wraps an error of the system keeps its words around it. ok is false where nothing in it is
// known.
func Chinese(err error) (said string, ok bool) {
	switch e := err.(type) { //nolint:errorlint // of the outermost: what it wraps comes next
	case nil:
		return "", false
	case syscall.Errno:
		said, ok = words[e]
		return said, ok
	case *fs.PathError:
		return after(e.Path+"：", e.Err)
	case *os.LinkError:
		return after(e.Old+" → "+e.New+"：", e.Err)
	case *os.SyscallError:
		return Chinese(e.Err)
	case *net.OpError:
		return Chinese(e.Err)
	}
	inner := errors.Unwrap(err)
	if said, ok = Chinese(inner); ok {
		return strings.Replace(err.Error(), inner.Error(), said, 1), true
	}
	return "", false
}

func after(start string, err error) (string, bool) {
	said, ok := Chinese(err)
	return start + said, ok
}
