<?php

// Runs every PHP program of a folder on all its inputs, in forks of one process. There, a variable takes the place of the
// constant STDIN, which stays what it was at the start.
foreach (glob("$argv[1]/*/main.php") as $source) {
    $program = str_replace('STDIN', '$GLOBALS["stdin"]', file_get_contents($source));
    foreach (glob(dirname($source) . '/*.in') as $path) {
        $child = pcntl_fork();
        if ($child === 0) {
            fclose(STDIN);
            $stdin = fopen($path, 'r');
            fclose(STDOUT);
            $stdout = fopen(substr($path, 0, -2) . 'out', 'w');
            eval(substr($program, strlen('<?php')));
            exit;
        }
        pcntl_waitpid($child, $status);
    }
}
