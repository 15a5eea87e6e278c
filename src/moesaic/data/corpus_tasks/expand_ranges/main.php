<?php

declare(strict_types=1);

function expandRanges(array $entries): array
{
    $pages = [];
    foreach ($entries as $entry) {
        $ends = array_map(intval(...), explode('-', $entry));
        array_push($pages, ...range($ends[0], end($ends)));
    }
    return $pages;
}

$entries = explode(',', trim(fgets(STDIN)));
echo implode(' ', expandRanges($entries)), PHP_EOL;
