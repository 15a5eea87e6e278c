<?php

declare(strict_types=1);

function rotateList(array $numbers, int $steps): array
{
    $start = $steps % count($numbers);
    return array_merge(array_slice($numbers, $start), array_slice($numbers, 0, $start));
}

$steps = (int) fgets(STDIN);
$numbers = explode(' ', trim(fgets(STDIN)));
echo implode(PHP_EOL, rotateList($numbers, $steps)), PHP_EOL;
