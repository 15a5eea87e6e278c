<?php

declare(strict_types=1);

function visibleTowers(array $towers): int
{
    $highest = 0;
    $visible = 0;
    foreach ($towers as $tower) {
        if ($tower > $highest) {
            $highest = $tower;
            $visible++;
        }
    }
    return $visible;
}

$towers = array_map(intval(...), explode(' ', fgets(STDIN)));
echo visibleTowers($towers), PHP_EOL;
