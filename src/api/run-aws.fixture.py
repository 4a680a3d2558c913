"""The AWS CLI many times over for one start of Python: `run-aws.fixture.py SCRIPT`, SCRIPT being the CLI's own `aws`.

Reads calls from stdin, a JSON object a line (`id`, `args`, `env`, `cwd`), and answers each with one on stdout (`id`, `code`, `stdout`,
`stderr`). A call is a fork in which SCRIPT runs as if just started: calls have the imported modules in common and nothing else.
Ends with stdin.
"""

import fcntl
import gc
import importlib
import json
import os
import runpy
import signal
import sys
import tempfile

import awscli
import awscli.clidriver


def run(script, call, answers, turn):
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(call['env'])
    os.chdir(call['cwd'])
    # It adds the CLI's own models to AWS_DATA_PATH.
    importlib.reload(awscli)
    sys.argv = [script, *call['args']]
    code = 1
    try:
        runpy.run_path(script, run_name='__main__')
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    texts = []
    for file in (out, err):
        file.seek(0)
        texts.append(file.read().decode(errors='replace'))
    answer = {'id': call['id'], 'code': code, 'stdout': texts[0], 'stderr': texts[1]}
    # A long answer is written in more than one go: one call at a time.
    fcntl.lockf(turn, fcntl.LOCK_EX)
    with os.fdopen(answers, 'w') as lines:
        lines.write(json.dumps(answer) + '\n')


script = sys.argv[1]
# Imports, by a call's own way, all that a call would import: plugins, and what talks to an endpoint.
session = awscli.clidriver.create_clidriver().session
session.create_client('sts', region_name='us-east-1', aws_access_key_id='any', aws_secret_access_key='thing')
del session
answers, turn = os.dup(1), tempfile.TemporaryFile()
# Forks that have ended leave nothing behind.
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
# Forks would copy each page that the collector marks.
gc.collect()
gc.freeze()
for line in sys.stdin:
    if os.fork() == 0:
        try:
            run(script, json.loads(line), answers, turn)
        finally:
            os._exit(0)
