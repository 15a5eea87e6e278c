<?php

declare(strict_types=1);

function printerQueue(array $commands): array
{
    $queue = new SplPriorityQueue();
    $printed = [];
    foreach ($commands as $number => $command) {
        $words = explode(' ', $command);
        if ($words[0] === 'add') {
            $queue->insert($words[1], [(int) $words[2], -$number]);
        } else {
            $printed[] = $queue->isEmpty() ? 'idle' : $queue->extract();
        }
    }
    return $printed;
}

$commands = file('php://stdin', FILE_IGNORE_NEW_LINES);
foreach (printerQueue($commands) as $name) {
    echo $name, PHP_EOL;
}
