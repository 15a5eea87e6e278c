<?php

declare(strict_types=1);

function removeDuplicates(array $numbers): array
{
    $seen = [];
    foreach ($numbers as $number) {
        $seen[$number] = true;
    }
    return array_keys($seen);
}

$numbers = array_map(intval(...), explode(' ', fgets(STDIN)));
foreach (removeDuplicates($numbers) as $number) {
    echo $number, PHP_EOL;
}
