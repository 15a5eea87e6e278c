<?php

declare(strict_types=1);

function dailyChanges(array $values): array
{
    $changes = [];
    for ($day = 1; $day < count($values); $day++) {
        $changes[] = $values[$day] - $values[$day - 1];
    }
    return $changes;
}

$values = array_map(intval(...), explode(' ', fgets(STDIN)));
foreach (dailyChanges($values) as $change) {
    echo $change > 0 ? "+$change" : $change, PHP_EOL;
}
