<?php

declare(strict_types=1);

function recentCalls(array $times): array
{
    $queue = new SplQueue();
    $counts = [];
    foreach ($times as $time) {
        $queue->enqueue($time);
        while ($queue->bottom() <= $time - 60) {
            $queue->dequeue();
        }
        $counts[] = count($queue);
    }
    return $counts;
}

$times = array_map(intval(...), explode(' ', fgets(STDIN)));
echo implode(PHP_EOL, recentCalls($times)), PHP_EOL;
