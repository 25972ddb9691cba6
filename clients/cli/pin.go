package cli

import (
	"errors"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/doorstep-sync/doorstep/clients/device"
)

// pin gives the person's PIN: from the file that --pin-file or DOORSTEP_PIN_FILE names ("-" is standard input, /dev/fd/3 a
// descriptor), else as it is typed. It never is an argument, nor in the environment, where others could see it. It is
// asked for once.
func (a *app) pin(fresh bool) (string, error) {
	if a.typedPIN != nil {
		return *a.typedPIN, nil
	}
	text, err := a.askPIN(a.pinSource(), a.say("pin_prompt"), fresh)
	if err != nil {
		return "", err
	}
	a.typedPIN = &text
	return text, nil
}

func (a *app) pinSource() string {
	if a.pinFile != "" {
		return a.pinFile
	}
	return a.Env("DOORSTEP_PIN_FILE")
}

// shortestPIN is the least that a new PIN has, in characters. Those of before go on opening.
const shortestPIN = 4

func (a *app) askPIN(file, prompt string, fresh bool) (string, error) {
	pin, err := a.secret(a.ctx, file, fresh, secretTexts{prompt, misuse("pin_empty"), wrong("pin_differs")})
	if n := utf8.RuneCountInString(pin); err == nil && fresh && n < shortestPIN {
		return "", wrong("pin_short", shortestPIN, n)
	}
	return pin, err
}

// unlock puts into the options what a replica needs to be opened: its key, if it is encrypted; and the PIN that its sealed
// columns' keys are under, where one was given. Without that what is sealed stays sealed, and nothing else is kept from
// the person; but who gives a wrong one is told, and not shown the sealed values as if he had given none.
func (a *app) unlock(path string, o *device.Options) error {
	needed, err := device.NeedsCipher(path)
	if err != nil {
		return err
	}
	if !needed {
		under, err := (&device.FileKeeper{Path: device.SealPath(path)}).Wrapped()
		if err != nil || !under || a.pinSource() == "" {
			return err
		}
	} else if err := device.CanEncrypt(); err != nil {
		return err
	}
	pin, err := a.pin(false)
	if err != nil {
		return err
	}
	if o.Cipher, err = device.CipherOf(path, pin); err != nil {
		return err
	}
	keys := &device.FileKeeper{Path: device.SealPath(path), PIN: pin}
	if !needed {
		if _, err := keys.Load(); err != nil {
			return wrongPIN(err)
		}
	}
	o.Keys = keys
	return nil
}

// newCipher makes the key of a replica that is to be made, under a new PIN.
func (a *app) newCipher(path string, o *device.Options) error {
	if err := device.CanEncrypt(); err != nil {
		return err
	}
	pin, err := a.pin(true)
	if err != nil {
		return err
	}
	if o.Cipher, err = device.NewCipher(path, pin, a.Rand); err != nil {
		return a.creating(path, err)
	}
	o.Keys = &device.FileKeeper{Path: device.SealPath(path), PIN: pin}
	return nil
}

// replicaCommand holds what is done to a replica's file as such.
func (a *app) replicaCommand() *cobra.Command {
	return a.group("replica", "replica", a.encryptCommand(), a.rekeyCommand(), a.pinCommand())
}

// replicaDoc is what became of the file, for programs.
type replicaDoc struct {
	Replica   string   `json:"replica"`
	Encrypted bool     `json:"encrypted"`
	Left      []string `json:"left"` // files set aside earlier, which are as they were
}

func (a *app) encryptCommand() *cobra.Command {
	return a.command("replica_encrypt", "encrypt", a.exactly(0), func(*cobra.Command, []string) error {
		path := a.path()
		switch needed, err := device.NeedsCipher(path); {
		case err != nil:
			return err
		case needed:
			return wrong("replica_encrypted", absolute(path))
		}
		keys := &device.FileKeeper{Path: device.SealPath(path)}
		under, err := keys.Wrapped()
		if err == nil {
			err = device.CanEncrypt()
		}
		if err != nil {
			return err
		}
		pin, err := a.pin(!under) // what is sealed is under one already: it is that one
		if err != nil {
			return err
		}
		if _, err := (&device.FileKeeper{Path: keys.Path, PIN: pin}).Load(); err != nil {
			return wrongPIN(err)
		}
		return a.rekeyed(path, pin, nil, a.say("replica_now_encrypted", absolute(path)))
	})
}

func (a *app) rekeyCommand() *cobra.Command {
	return a.command("replica_rekey", "rekey", a.exactly(0), func(*cobra.Command, []string) error {
		path := a.path()
		var o device.Options
		if err := a.unlock(path, &o); err != nil {
			return err
		}
		if o.Cipher == nil {
			return wrong("replica_in_clear", absolute(path))
		}
		pin, err := a.pin(false)
		if err != nil {
			return err
		}
		return a.rekeyed(path, pin, o.Cipher, a.say("replica_rekeyed", absolute(path)))
	})
}

// rekeyed writes the replica anew under a new key and tells what is left as it was.
func (a *app) rekeyed(path, pin string, key []byte, text string) error {
	o, err := a.options()
	if err != nil {
		return err
	}
	o.Cipher = key
	left, err := device.RekeyUnder(path, o, pin)
	if err == nil {
		err = wrongPIN(device.SetPIN(path, "", pin)) // keys of sealed columns that are under none yet
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.emit(replicaDoc{absolute(path), true, append([]string{}, left...)})
	}
	a.put(text)
	if len(left) > 0 {
		a.print("replica_left", strings.Join(left, ", "))
	}
	return nil
}

func wrongPIN(err error) error {
	if errors.Is(err, device.ErrPIN) {
		return fail(ExitNotAllowed, "pin_wrong").because(err)
	}
	return err
}

func (a *app) pinCommand() *cobra.Command {
	var next string
	c := a.command("replica_pin", "pin [--new-pin-file FILE]", a.exactly(0), func(*cobra.Command, []string) error {
		path := a.path()
		needed, err := device.NeedsCipher(path)
		if err != nil {
			return err
		}
		under, err := (&device.FileKeeper{Path: device.SealPath(path)}).Wrapped()
		if err != nil {
			return err
		}
		if _, err := os.Stat(device.SealPath(path)); err != nil && !needed {
			return wrong("pin_nothing")
		}
		old := ""
		if needed || under {
			if old, err = a.pin(false); err != nil {
				return err
			}
		}
		pin, err := a.askPIN(next, a.say("pin_new"), true)
		if err != nil {
			return err
		}
		if err := wrongPIN(device.SetPIN(path, old, pin)); err != nil {
			return err
		}
		if a.json {
			return a.emit(replicaDoc{absolute(path), needed, []string{}})
		}
		a.print("pin_set")
		if !needed {
			a.print("pin_sealed_only")
		}
		return nil
	})
	c.Flags().StringVar(&next, "new-pin-file", "", a.say("flag.new_pin_file"))
	return c
}
