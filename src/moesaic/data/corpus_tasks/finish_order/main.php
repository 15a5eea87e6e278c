<?php

declare(strict_types=1);

function finishOrder(array $times, int $turn): array
{
    $queue = new SplQueue();
    foreach ($times as $index => $time) {
        $queue->enqueue([$index + 1, $time]);
    }
    $finished = [];
    while (!$queue->isEmpty()) {
        [$job, $time] = $queue->dequeue();
        if ($time > $turn) {
            $queue->enqueue([$job, $time - $turn]);
        } else {
            $finished[] = $job;
        }
    }
    return $finished;
}

$turn = (int) fgets(STDIN);
$times = array_map(intval(...), explode(' ', fgets(STDIN)));
echo implode(PHP_EOL, finishOrder($times, $turn)), PHP_EOL;
