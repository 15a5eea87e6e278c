<?php

declare(strict_types=1);

function daysUntilWarmer(array $temperatures): array
{
    $waits = array_fill(0, count($temperatures), 0);
    $stack = [];
    foreach ($temperatures as $day => $temperature) {
        while ($stack !== [] && $temperatures[end($stack)] < $temperature) {
            $coldDay = array_pop($stack);
            $waits[$coldDay] = $day - $coldDay;
        }
        $stack[] = $day;
    }
    return $waits;
}

$temperatures = array_map(intval(...), explode(' ', fgets(STDIN)));
echo implode(' ', daysUntilWarmer($temperatures)), PHP_EOL;
