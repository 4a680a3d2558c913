"""The AWS CLI many times over for one start of Python: `run-aws.fixture.py SCRIPT`, SCRIPT being the CLI's own `aws`.

Reads calls from stdin, a JSON object a line (`id`, `args`, `env`, `cwd`), and answers each with one on stdout (`id`, `code`, `stdout`,
`stderr`). A call is a fork in which SCRIPT runs as if just started: calls have in common the imported modules, and what the CLI's
own data files say, which are most of what a call would read. Ends with stdin.
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
    # It lives for one call, and what the collector looks at is copied from the parent.
    gc.disable()
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


def read_once(loader, name):
    """Makes a method of the class of data loaders read only what no loader with the same search paths has read."""
    method, known = getattr(loader, name), {}

    def read(self, *args, **kwargs):
        key = (*self.search_paths, None, *args, *sorted(kwargs.items()))
        if key not in known:
            known[key] = method(self, *args, **kwargs)
        return known[key]

    setattr(loader, name, read)


def prepare(command):
    """Imports and reads, by a call's own way, what every call of this command (`elbv2`) would."""
    driver = awscli.clidriver.create_clidriver()
    its = driver._get_command_table().get(command)
    service = getattr(its, 'service_model', None)
    if service is not None:
        keys = {'aws_access_key_id': 'any', 'aws_secret_access_key': 'thing'}
        driver.session.create_client(service.service_name, region_name='us-east-1', **keys)
        for kind in ('paginators-1', 'waiters-2'):
            driver.session.get_component('data_loader').list_available_services(kind)
    # Forks would copy each page that the collector marks.
    gc.collect()
    gc.freeze()


script = sys.argv[1]
loader = type(awscli.clidriver.create_clidriver().session.get_component('data_loader'))
for name in ('list_available_services', 'load_service_model', 'load_data_with_path'):
    read_once(loader, name)
prepared = set()
answers, turn = os.dup(1), tempfile.TemporaryFile()
# Forks that have ended leave nothing behind.
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    call = json.loads(line)
    command = next(iter(call['args']), None)
    if command not in prepared:
        prepare(command)
        prepared.add(command)
    if os.fork() == 0:
        try:
            run(script, call, answers, turn)
        finally:
            os._exit(0)
